package snapshot

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// catalogue is a Source in memory. Each change is one number.
type catalogue struct {
	packs   map[db.PackName][]string // versions
	changes []db.PackName
	long    int    // words in a version
	feed    string // another one after a restore
	whole   int    // times it was read whole
	broken  error
}

func (c *catalogue) head() db.Mark { return db.Mark{Seq: int64(len(c.changes)), Mark: c.feed} }

func (c *catalogue) change(name db.PackName, versions ...string) {
	c.changes = append(c.changes, name)
	if c.packs[name] = versions; len(versions) == 0 {
		delete(c.packs, name)
	}
}

func (c *catalogue) each(names []db.PackName, fn func(*pack.Version) error) error {
	for i, name := range names {
		for _, v := range c.packs[name] {
			if err := fn(&pack.Version{Namespace: name.Namespace, Name: name.Name, Version: v, DisplayName: strings.Repeat("long ", c.long)}); err != nil {
				return err
			}
		}
		if i > 0 && c.broken != nil {
			return c.broken
		}
	}
	return nil
}

func (c *catalogue) names() []db.PackName { return slices.SortedFunc(maps.Keys(c.packs), byPack) }

func (c *catalogue) Snapshot(_ context.Context, _ string, fn func(*pack.Version) error) (db.Mark, error) {
	c.whole++
	return c.head(), c.each(c.names(), fn)
}

func (c *catalogue) SnapshotSince(_ context.Context, since db.Mark, most int, fn func(*pack.Version) error) ([]db.PackName, db.Mark, error) {
	if since.Mark != c.feed {
		return nil, db.Mark{}, pack.Errorf(pack.KindCursorGone, "", "gone")
	}
	changed := slices.Clone(c.changes[since.Seq:])
	slices.SortFunc(changed, byPack)
	changed = slices.Compact(changed)
	if len(changed) > most {
		return changed, c.head(), nil
	}
	return changed, c.head(), c.each(changed, fn)
}

// want is the answer, written out.
func (c *catalogue) want(t testing.TB, namespace string) string {
	var text []byte
	err := c.each(c.names(), func(v *pack.Version) (err error) {
		if namespace == pack.AllNamespaces || v.Namespace == namespace {
			text, err = appendLine(text, v)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + string(lastLine(c.head()))
}

// read gives the answer as a client of a coding understands it.
func read(t testing.TB, b *Book, namespace string, coding Coding) string {
	r, err := b.Read(namespace, coding)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	n, err := r.WriteTo(&out)
	if err != nil || n != r.Size || n != int64(out.Len()) {
		t.Fatalf("%q: wrote %d, size %d, got %d, %v", coding, n, r.Size, out.Len(), err)
	}
	var in io.Reader = &out
	switch coding {
	case Gzip:
		z, err := gzip.NewReader(&out)
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false) // one member: not all clients take more
		in = z
	case Zstd:
		z, err := zstd.NewReader(&out)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		in = z
	}
	text, err := io.ReadAll(in)
	if err != nil || coding == Gzip && out.Len() > 0 {
		t.Fatalf("%q: %v, %d bytes behind the end", coding, err, out.Len())
	}
	return string(text)
}

// Whatever changes, each book is what the catalogue is then, in every coding, and the books
// before stay as they were.
func TestBooksAreTheCatalogue(t *testing.T) {
	namespaces := []string{"a", "b", "b/c", "d"}
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := &catalogue{packs: map[db.PackName][]string{}, feed: "first", long: 400}
		k := New(c, t.TempDir())
		// Many packs that are never touched, so that there are segments.
		for i := range random.IntN(251) {
			c.change(db.PackName{Namespace: namespaces[i%3], Name: fmt.Sprintf("p%03d", i)}, "1.0.0", "1.1.0", "2.0.0")
		}
		type old struct {
			book *Book
			want string
		}
		var before []old
		for range 4 {
			for range random.IntN(9) {
				name := db.PackName{Namespace: namespaces[random.IntN(4)], Name: fmt.Sprintf("p%03d", random.IntN(271))}
				versions := make([]string, random.IntN(4))
				for i := range versions {
					versions[i] = fmt.Sprint(len(c.changes), ".", i)
				}
				c.change(name, versions...)
			}
			book, err := k.At(t.Context(), c.head())
			if err != nil {
				t.Fatal(err)
			}
			want := c.want(t, pack.AllNamespaces)
			before = append(before, old{book, want})
			for _, coding := range []Coding{Plain, Gzip, Zstd} {
				if got := read(t, book, pack.AllNamespaces, coding); got != want {
					t.Fatalf("seed %d, %q:\ngot  %s\nwant %s", seed, coding, got, want)
				}
				if got, want := read(t, book, "b", coding), c.want(t, "b"); got != want {
					t.Fatalf("%q of one namespace:\ngot  %s\nwant %s", coding, got, want)
				}
			}
		}
		for _, o := range before {
			if got := read(t, o.book, pack.AllNamespaces, Gzip); got != o.want {
				t.Fatalf("an older book has changed:\ngot  %s\nwant %s", got, o.want)
			}
		}
		if c.whole > 1 {
			t.Fatalf("the catalogue was read whole %d times for a few changes", c.whole)
		}
	}
}

func many(n int) *catalogue {
	c := &catalogue{packs: map[db.PackName][]string{}, feed: "first", long: 20}
	for i := range n {
		c.change(db.PackName{Namespace: "a", Name: fmt.Sprintf("p%05d", i)}, "1.0.0", "2.0.0")
	}
	return c
}

// When a backup was restored, and when more has changed than is worth it, it is read whole again.
func TestBooksAreWrittenAnew(t *testing.T) {
	c := many(2000)
	k := New(c, t.TempDir())
	check := func(whole int) {
		t.Helper()
		b, err := k.At(t.Context(), c.head())
		if err != nil {
			t.Fatal(err)
		}
		if read(t, b, pack.AllNamespaces, Zstd) != c.want(t, pack.AllNamespaces) || c.whole != whole {
			t.Errorf("another book than the catalogue, or read whole %d times, not %d", c.whole, whole)
		}
	}
	check(1)
	for i := range mostChanged + 1 {
		c.change(db.PackName{Namespace: "a", Name: fmt.Sprintf("p%05d", i)}, "3.0.0")
	}
	check(2)
	c.feed, c.changes = "second", c.changes[:10]
	check(3)
	check(3)
}

// Changes leave dead pieces in the files, and deleted packs small segments: neither grows without end.
func TestBooksStaySmall(t *testing.T) {
	c := many(3000)
	k := New(c, t.TempDir())
	var b *Book
	at := func() {
		t.Helper()
		var err error
		if b, err = k.At(t.Context(), c.head()); err != nil {
			t.Fatal(err)
		}
	}
	at()
	first := b.files.deflate.size
	for i := range 100 {
		c.change(db.PackName{Namespace: "a", Name: fmt.Sprintf("p%05d", i*30)}, fmt.Sprint(i))
		at()
	}
	if b.files.deflate.size > 3*first+2*segmentSize {
		t.Errorf("%d bytes became %d", first, b.files.deflate.size)
	}
	for i := range 2990 {
		c.change(db.PackName{Namespace: "a", Name: fmt.Sprintf("p%05d", i)})
		if i%50 == 0 {
			at()
		}
	}
	at()
	if read(t, b, "a", Plain) != c.want(t, "a") || len(b.segments) > 30 {
		t.Errorf("%d segments of 10 packs", len(b.segments))
	}
}

// An error on the way leaves what was there, and the next try is as good as the first.
func TestBrokenSource(t *testing.T) {
	c := many(5000)
	c.broken = errors.New("the database is away")
	k := New(c, t.TempDir())
	if _, err := k.At(t.Context(), c.head()); !errors.Is(err, c.broken) {
		t.Fatalf("got %v", err)
	}
	c.broken = nil
	b, err := k.At(t.Context(), c.head())
	if err != nil || read(t, b, "*", Gzip) != c.want(t, "*") {
		t.Fatalf("after it was mended: %v", err)
	}
	// A file that cannot be written any more.
	for _, f := range []*file{b.files.deflate, b.files.zstd} {
		if err := f.f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		c.change(db.PackName{Namespace: "a", Name: fmt.Sprintf("p%05d", i*200)}, "9")
	}
	if _, err := k.At(t.Context(), c.head()); err == nil {
		t.Fatal("a book was made on a closed file")
	}
	gone := New(c, t.TempDir()+"/nowhere")
	if _, err := gone.At(t.Context(), c.head()); err == nil {
		t.Fatal("a book was made in a folder that is not there")
	}
}

func TestNothingIsLeftInTheFolder(t *testing.T) {
	dir := t.TempDir()
	c := many(100)
	if _, err := New(c, dir).At(t.Context(), c.head()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestCombine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOf(rapid.Byte()).Draw(t, "a"), rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		want := crc32.ChecksumIEEE(slices.Concat(a, b))
		if got := combine(crc32.ChecksumIEEE(a), crc32.ChecksumIEEE(b), int64(len(b))); got != want {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}
