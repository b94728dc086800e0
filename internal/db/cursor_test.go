package db_test

import (
	"testing"

	"pgregory.net/rapid"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func TestCursorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := db.Mark{Seq: rapid.Int64Min(0).Draw(t, "seq"), Mark: rapid.String().Draw(t, "mark")}
		got, err := db.DecodeCursor(db.EncodeCursor(m))
		if err != nil || got != m {
			t.Fatalf("DecodeCursor(EncodeCursor(%v)) = %v, %v", m, got, err)
		}
	})
}

func TestDecodeCursorRefuses(t *testing.T) {
	for _, s := range []string{"", "x", "MQ", "LTEuYQ", "KzEuYQ", "MS5h=", "MS5i ", "zzzz/zz", "\x00", "MDEuYQ"} {
		if m, err := db.DecodeCursor(s); !pack.IsKind(err, pack.KindInvalid) {
			t.Errorf("DecodeCursor(%q) = %v, %v; want an error of KindInvalid", s, m, err)
		}
	}
}
