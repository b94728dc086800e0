package sqlcat

import (
	"context"
	"slices"

	"packregistry/internal/db"
)

// collection is what one question tells of all hits of a match: finding them is most of the
// work, so that a page and its facets are best asked for together.
type collection struct {
	first  []ranked       // in the order of the query; nil where hits are too many to tell
	n      int            // of all hits, up to what facets count
	facets map[string]int // the number of hits by pack_search.facets
}

// collect reads the first hits of a match, and counts the facets of all.
func (s *search) collect(ctx context.Context, tier int, m match, limit int) (*collection, error) {
	var st statement
	left := s.counts.left()
	st.WriteString("WITH found AS MATERIALIZED (SELECT pack_id, namespace, name, age, facets")
	s.fromWhere(&st, m, false)
	st.WriteString(" LIMIT " + st.arg(int64(left)) + ") SELECT * FROM (SELECT pack_id, namespace, name, age, facets FROM found")
	s.inOrder(&st, limit)
	st.WriteString(") first UNION ALL SELECT 0, '', '', count(*), facets FROM found GROUP BY facets")
	rows, err := s.scanRanked(ctx, tier, &st)
	if err != nil {
		return nil, err
	}
	c := &collection{first: make([]ranked, 0, limit), facets: make(map[string]int)}
	for _, r := range rows {
		if r.PackID != 0 {
			c.first = append(c.first, r)
			continue
		}
		c.facets[r.facets] = int(r.Age)
		c.n += int(r.Age)
	}
	if c.n == left { // there may be others, and better ones
		c.first = nil
	}
	slices.SortFunc(c.first, func(a, b ranked) int { return s.order(a.hit, b.hit) }) // which a union does not promise
	return c, nil
}

// take counts the facets of a collection, and keeps its hits for the page.
func (s *search) take(c *collection) {
	for facets, n := range c.facets {
		s.counts.add(facets, n)
	}
	if c.first == nil || s.q.Text != "" && s.q.Sort != db.SortRelevance { // what the page then asks for is more than this
		return
	}
	s.first = make([]hit, len(c.first))
	for i, r := range c.first {
		s.first[i] = r.hit
	}
}
