package pack

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestChangeAppendsItsJSON(t *testing.T) {
	text := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-z0-9./:-]{1,20}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		c := Change{
			Type: ChangeType(text.Draw(t, "type")), Namespace: text.Draw(t, "namespace"), Name: text.Draw(t, "name"),
			Version: text.Draw(t, "version"), Tag: text.Draw(t, "tag"), Digest: Digest(text.Draw(t, "digest")),
			ContentDigest: text.Draw(t, "content"), Revision: rapid.IntRange(0, 9).Draw(t, "revision"),
			At: time.UnixMicro(rapid.Int64Range(0, 1e16).Draw(t, "at")).UTC(), By: text.Draw(t, "by"), Cursor: text.Draw(t, "cursor"),
		}
		want, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.AppendJSON([]byte("x")); string(got) != "x"+string(want) {
			t.Fatalf("got  %s\nwant x%s", got, want)
		}
	})
}

// Each byte, at each place of a word and behind it, is plain exactly when json.Marshal leaves it.
func TestIsPlain(t *testing.T) {
	for ch := range 256 {
		for at := range 19 {
			text := []byte("0123456789abcdefABC")
			text[at] = byte(ch)
			want, err := json.Marshal(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if got := isPlain(string(text)); got != (string(want) == `"`+string(text)+`"`) {
				t.Errorf("byte %#x at %d: %v, and JSON is %s", ch, at, got, want)
			}
		}
	}
}

func BenchmarkChangeAppendJSON(b *testing.B) {
	digest := "sha256:4cdb3e3b6e2fa22b2b2b7a2b2b2b7a2b2b2b7a2b2b2b7a2b2b2b7a2b2b2b7a2b"
	c := Change{
		Type: VersionPushed, Namespace: "default", Name: "edge-native-byoi", Version: "2.1.0", Digest: Digest(digest), ContentDigest: digest,
		Revision: 1, At: time.UnixMicro(1_700_000_000_123_456).UTC(), By: "admin", Cursor: "MTIzNDU2Nzg5LmFiY2RlZmFiY2RlZmFiY2Q",
	}
	text := c.AppendJSON(nil)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		text = c.AppendJSON(text[:0])
	}
}
