package sqlcat

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"packregistry/internal/db"
)

// maxFacetValues is how many values of a facet are given (db.Page).
const maxFacetValues = 100

// facetCount counts the facets of packs, of one more than db.FacetLimit at most.
type facetCount struct {
	packs map[string]int // by pack_search.facets
	total int
}

func newFacetCount() *facetCount { return &facetCount{packs: make(map[string]int)} }

// left is the number of packs that may still be counted.
func (f *facetCount) left() int { return db.FacetLimit + 1 - f.total }

// add counts up to n packs with the same facets.
func (f *facetCount) add(facets string, n int) {
	n = min(n, f.left())
	f.packs[facets] += n
	f.total += n
}

// facets counts what look did not, and writes the counts into a page.
func (s *search) facets(ctx context.Context, page *db.Page) error {
	for _, m := range s.uncounted() {
		if err := s.count(ctx, m); err != nil {
			return err
		}
	}
	return s.counts.put(page)
}

// uncounted are questions without common hits that together find all that look did not count.
func (s *search) uncounted() []match {
	switch {
	case s.q.Text == "" && s.filters == "":
		return []match{{}}
	case s.manyHead && s.dialect.Name == "postgres": // the first spares reading what is long
		return []match{s.byHead(), s.byBody()}
	case s.manyHead:
		return []match{{body: s.lang.all(s.filters, s.lang.words(termBody, s.words))}}
	case s.typos != "":
		return []match{{head: s.typos, notIDs: s.fewIDs()}}
	}
	return nil
}

// count counts the hits of a match.
func (s *search) count(ctx context.Context, m match) error {
	if s.counts.left() == 0 {
		return nil
	}
	var st statement
	st.WriteString("SELECT facets, count(*) FROM (SELECT facets")
	s.fromWhere(&st, m, false)
	if m.asksNothing() { // nothing to look up by: along an index, as pages go
		st.WriteString(" ORDER BY name, namespace")
	}
	st.WriteString(" LIMIT " + st.arg(int64(s.counts.left())) + ") found GROUP BY facets")
	rows, err := s.tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var facets string
		var n int
		if err := rows.Scan(&facets, &n); err != nil {
			return err
		}
		s.counts.add(facets, n)
	}
	return rows.Err()
}

// put writes the counts of each value into a page.
func (f *facetCount) put(page *db.Page) error {
	counts := map[string]map[string]int{"layer": {}, "addonType": {}, "cloudType": {}, "source": {}, "deprecated": {}}
	for text, n := range f.packs {
		var t facetTuple
		if err := fromJSON(text, &t); err != nil {
			return err
		}
		counts["layer"][t.Layer] += n
		counts["addonType"][t.AddonType] += n
		counts["source"][t.Source] += n
		counts["deprecated"][strconv.FormatBool(t.Deprecated)] += n
		for _, c := range t.CloudTypes {
			counts["cloudType"][c] += n
		}
	}
	page.Total, page.Estimated = min(f.total, db.FacetLimit), f.total > db.FacetLimit
	page.Facets = make(map[string][]db.FacetValue, len(counts))
	for facet, values := range counts {
		delete(values, "") // a pack without a value is none of its values
		list := make([]db.FacetValue, 0, len(values))
		for v, n := range values {
			list = append(list, db.FacetValue{Value: v, Count: n})
		}
		slices.SortFunc(list, func(a, b db.FacetValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		page.Facets[facet] = list[:min(len(list), maxFacetValues)]
	}
	return nil
}
