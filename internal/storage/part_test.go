package storage

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"packregistry/internal/pack"
)

func TestPart(t *testing.T) {
	const d = pack.Digest("sha256:x")
	closed := 0
	part := func(left int64) *Part {
		return NewPart(strings.NewReader("0123456789"), d, left, func() error { closed++; return errors.New("a full disk") })
	}
	ways := map[string]func(*Part) (string, error){
		"read":  func(p *Part) (string, error) { b, err := io.ReadAll(struct{ io.Reader }{p}); return string(b), err },
		"write": func(p *Part) (string, error) { var b bytes.Buffer; _, err := p.WriteTo(&b); return b.String(), err },
	}
	for name, read := range ways {
		t.Run(name, func(t *testing.T) {
			for left, want := range map[int64]string{0: "", 4: "0123", 10: "0123456789"} {
				if got, err := read(part(left)); got != want || err != nil {
					t.Errorf("%d bytes are %q, %v", left, got, err)
				}
			}
			if got, err := read(part(11)); got != "0123456789" || !pack.IsKind(err, pack.KindCorrupt) {
				t.Errorf("of a file that was cut: %q, %v", got, err)
			}
			p, before := part(4), closed
			if first, second := p.Close(), p.Close(); first == nil || second != nil || closed != before+1 {
				t.Errorf("closed twice: %v, %v, %d times", first, second, closed-before)
			}
			if got, err := read(p); got != "" || !errors.Is(err, os.ErrClosed) {
				t.Errorf("after Close: %q, %v", got, err)
			}
		})
	}
}
