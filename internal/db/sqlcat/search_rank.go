package sqlcat

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"packregistry/internal/db"
)

// ranked is a hit that is put into its tier.
type ranked struct {
	hit
	tier   int
	facets string // as in pack_search
}

// rank tells the tiers of the few hits of byHead, by the words that the index was made of.
func (s *search) rank(ctx context.Context, head []ranked) error {
	if len(head) == 0 {
		return nil
	}
	ids := make([]any, len(head))
	for i, r := range head {
		ids[i] = r.PackID
	}
	rows, err := s.tx.Query(ctx, `SELECT id, display_name FROM packs WHERE id IN (`+placeholders(1, len(ids))+`)`, ids...)
	if err != nil {
		return err
	}
	defer rows.Close()
	display := make(map[int64]string, len(head))
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		display[id] = name
	}
	for i, r := range head {
		head[i].tier = s.tierOf(r.Name, display[r.PackID])
	}
	return rows.Err()
}

// tierOf is the best tier of a pack that byHead finds.
func (s *search) tierOf(name, display string) int {
	words := db.Words(name)
	switch {
	case name == strings.ToLower(s.q.Text):
		return tierExact
	case s.allIn(words):
		return tierName
	case s.allIn(append(words, db.Words(display)...)):
		return tierDisplay
	}
	return tierHead
}

// allIn reports whether all words of the text are among words, the last one as a beginning.
func (s *search) allIn(words []string) bool {
	for i, asked := range s.words {
		begins := func(w string) bool { return strings.HasPrefix(w, asked) }
		if i < len(s.words)-1 {
			begins = func(w string) bool { return w == asked }
		}
		if !slices.ContainsFunc(words, begins) {
			return false
		}
	}
	return true
}

// fewIn gives up to limit of the few hits in a tier after a place.
func (s *search) fewIn(tier int, after *hit, limit int) []hit {
	var hits []hit
	for _, r := range s.few {
		if r.tier == tier && (after == nil || s.order(r.hit, *after) > 0) && len(hits) < limit {
			hits = append(hits, r.hit)
		}
	}
	return hits
}

// order compares the hits of a tier in the order of the query.
func (s *search) order(a, b hit) int {
	byName := cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	if s.q.Sort == db.SortUpdated {
		return cmp.Or(cmp.Compare(a.Age, b.Age), cmp.Compare(a.Namespace, b.Namespace), byName)
	}
	return byName
}

// fewIDs are the packs of the few hits.
func (s *search) fewIDs() []int64 {
	ids := make([]int64, len(s.few))
	for i, r := range s.few {
		ids[i] = r.PackID
	}
	return ids
}
