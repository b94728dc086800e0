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
