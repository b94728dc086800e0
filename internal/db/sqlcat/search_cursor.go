package sqlcat

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// place is where a page ended: the last pack given, by the key of its order.
// The zero place is the beginning.
type place struct {
	Query string `json:"q"` // fingerprint of the query
	Tier  int    `json:"t,omitempty"`
	hit
}

// hit is a pack found, with the keys of all orders.
type hit struct {
	PackID    int64  `json:"-"`
	Namespace string `json:"s"`
	Name      string `json:"n"`
	Age       int64  `json:"a,omitempty"`
}

// fingerprint tells queries apart whose pages do not go together.
func fingerprint(q db.Query) string {
	sorted := func(values []string) []string { return slices.Sorted(slices.Values(values)) }
	b, err := json.Marshal([]any{
		q.Namespace, q.Text, sorted(q.Layers), sorted(q.AddonTypes), sorted(q.CloudTypes), sorted(q.Sources), q.Deprecated, q.Sort,
	})
	if err != nil {
		panic(err) // strings and a bool are always JSON
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

func (p place) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers are always JSON
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePlace reads the cursor of a query; nil for the first page.
func parsePlace(q db.Query) (*place, error) {
	if q.Cursor == "" {
		return nil, nil
	}
	var p place
	raw, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil || p.Query != fingerprint(q) || p.Tier < 0 || !storable(p.Namespace, p.Name) {
		return nil, pack.Errorf(pack.KindInvalid, "cursor_invalid", "the cursor is not one of this search: start again without it")
	}
	return &p, nil
}
