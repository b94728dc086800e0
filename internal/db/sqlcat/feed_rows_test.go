package sqlcat

import (
	"strings"
	"testing"
	"time"

	"packregistry/internal/pack"
)

func TestParseChange(t *testing.T) {
	var r changeRow
	if err := r.parse("7\x00mark\x00", 0); err != nil || !r.isHead || r.change.Seq != 7 || r.mark != "mark" || r.asked != "" {
		t.Errorf("a head: %+v, %v", r, err)
	}
	if err := r.parse("7\x1fmark\x1fasked", UnitSeparator); err != nil || !r.isHead || r.asked != "asked" {
		t.Errorf("a head: %+v, %v", r, err)
	}
	good := strings.Join([]string{"8", "m", "version.pushed", "n", "", "1.0", "", "d", "", "3", "5", ""}, "\x00")
	want := pack.Change{Seq: 8, Type: "version.pushed", Namespace: "n", Version: "1.0", Digest: "d", Revision: 3, At: time.UnixMicro(5).UTC()}
	if err := r.parse(good, 0); err != nil || r.isHead || r.mark != "m" || r.change != want {
		t.Errorf("a change: %+v, %v", r, err)
	}
	if err := r.parse(good+"a\x00b", 0); err != nil || r.change.By != "a\x00b" {
		t.Errorf("who made it is whatever is left: %+v, %v", r, err)
	}
	// A separator in another text moves borders. NULL leaves a part out.
	for _, bad := range []string{
		"", "7", "7\x00mark", "x\x00mark\x00asked", "\x00mark\x00", strings.Replace(good, "version", "ver\x00sion", 1),
		strings.Replace(good, "\x00m", "", 1), strings.Replace(good, "8", "eight", 1), strings.Replace(good, "\x003\x00", "\x00\x00", 1),
		strings.Replace(good, "\x005\x00", "\x005.5\x00", 1), strings.Repeat("\x00", 11), strings.Repeat("\x00", 1000),
	} {
		if err := r.parse(bad, 0); !pack.IsKind(err, pack.KindInternal) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestIsRound(t *testing.T) {
	kept := 0
	for limit := 1; limit <= changesAtOnce; limit++ {
		if isRound(limit) {
			kept++
		}
	}
	if kept != 13 || !isRound(1) || !isRound(50) || !isRound(1000) || isRound(3) || isRound(1001) || isRound(15) {
		t.Errorf("%d limits are round", kept)
	}
}
