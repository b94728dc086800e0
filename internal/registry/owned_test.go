package registry

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// What is remembered must own its texts: those of a question are pieces of a request's line of up to 64 KB, all of which would
// stay in memory.

// line is such a line, and its pieces.
func line(pieces ...string) (all string, cut func(string) string) {
	all = strings.Join(pieces, "&") + strings.Repeat("x", 100)
	return all, func(piece string) string {
		i := strings.Index(all, piece)
		return all[i : i+len(piece)]
	}
}

// within fails when a text lies in the line.
func within(t *testing.T, all string, texts ...string) {
	t.Helper()
	first := uintptr(unsafe.Pointer(unsafe.StringData(all)))
	for _, text := range texts {
		if at := uintptr(unsafe.Pointer(unsafe.StringData(text))); at >= first && at < first+uintptr(len(all)) {
			t.Errorf("%q is kept as a piece of a request's line", text)
		}
	}
}

func TestVersionsOwnTheirTexts(t *testing.T) {
	var k versions
	mark := db.Mark{Seq: 1, Mark: "m"}
	k.reset(mark)
	all, cut := line("prod", "nginx", "1.0.0", "latest")
	key, v := packKey{cut("prod"), cut("nginx")}, &pack.Version{Version: "1.0.0"}
	check := func() {
		t.Helper()
		if len(k.young) != 1 {
			t.Fatalf("%d packs are remembered", len(k.young))
		}
		for kept, p := range k.young {
			within(t, all, kept.namespace, kept.name)
			for ref := range p.refs {
				within(t, all, ref)
			}
		}
	}
	for _, ref := range []string{"1.0.0", "latest", "latest"} {
		k.put(mark, key, cut(ref), v)
		check()
	}
	k.young, k.old = nil, k.young // as when the younger half is full
	if got, _ := k.look(key, cut("latest")); got != v {
		t.Error("forgotten")
	}
	check()
}

func TestConsumersOwnTheirTexts(t *testing.T) {
	r := New(Config{Now: time.Now})
	older, newer := db.EncodeCursor(db.Mark{Seq: 1, Mark: "m"}), db.EncodeCursor(db.Mark{Seq: 2, Mark: "m"})
	all, cut := line("ann", "one", "prod", older, newer)
	who := Consumer{Account: cut("ann"), Name: cut("one"), Namespace: cut("prod")}
	for _, cursor := range []string{older, newer, newer} {
		r.NoteRead(who, cut(cursor))
		p := r.consumers.at[who]
		if len(r.consumers.at) != 1 || p == nil || db.EncodeCursor(p.mark) != cursor {
			t.Fatalf("%d consumers, this one at %+v", len(r.consumers.at), p)
		}
		for c := range r.consumers.at {
			within(t, all, c.Account, c.Name, c.Namespace, p.cursor)
		}
	}
}
