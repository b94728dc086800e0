package sqlcat

import (
	"context"
	"strings"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// What a text may be: more than anyone types, little enough to be asked cheaply.
const (
	maxTextBytes = 1024
	maxTextWords = 32
	maxFilters   = 100 // values of one filter
	maxPage      = 1000
)

// Search implements db.Reader. A page is read tier by tier, best first, each in
// the order of its key, until it is full: what is asked of the database is never
// more than the page shows, and no score has to be computed for packs it does not show.
// Where a text finds few packs, they are read at once and put into their tiers here.
func (c *Catalogue) Search(ctx context.Context, q db.Query) (*db.Page, error) {
	if err := normalise(&q); err != nil {
		return nil, err
	}
	from, err := parsePlace(q)
	if err != nil {
		return nil, err
	}
	var page *db.Page
	err = c.b.Read(ctx, func(tx Tx) error {
		s := newSearch(tx, c.b.Dialect(), q)
		if err := s.prepare(ctx); err != nil {
			return err
		}
		if err := s.look(ctx); err != nil {
			return err
		}
		page = &db.Page{}
		hits, next, err := s.page(ctx, from)
		if err != nil {
			return err
		}
		page.Next = next
		if page.Items, err = newestVersions(ctx, tx, hits); err != nil || !q.Facets {
			return err
		}
		return s.facets(ctx, page)
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// normalise checks a query and fills its defaults.
func normalise(q *db.Query) error {
	q.Text = strings.TrimSpace(q.Text)
	switch q.Sort {
	case "":
		q.Sort = db.SortRelevance
	case db.SortRelevance, db.SortName, db.SortUpdated:
	default:
		return pack.Errorf(pack.KindInvalid, "sort_invalid", "sort is one of %s, %s and %s", db.SortRelevance, db.SortName, db.SortUpdated)
	}
	if q.Sort == db.SortRelevance && q.Text == "" {
		q.Sort = db.SortName
	}
	if q.Limit < 1 || q.Limit > maxPage {
		return pack.Errorf(pack.KindInvalid, "limit_invalid", "limit is a number from 1 to %d", maxPage)
	}
	if len(q.Text) > maxTextBytes || len(db.Words(q.Text)) > maxTextWords {
		return pack.Errorf(pack.KindInvalid, "text_too_long", "a search has at most %d words and %d bytes", maxTextWords, maxTextBytes)
	}
	for _, values := range [][]string{q.Layers, q.AddonTypes, q.CloudTypes, q.Sources} {
		if len(values) > maxFilters {
			return pack.Errorf(pack.KindInvalid, "filter_too_long", "a filter has at most %d values", maxFilters)
		}
	}
	return checkStorable(q.Namespace)
}

// search is one query on its way through one transaction.
type search struct {
	tx      Tx
	dialect Dialect
	lang    language
	q       db.Query
	words   []string // of the text
	filters string

	// few are packs found, ranked: all when they are at most fewHits; with manyBody only
	// those that byHead finds; none with manyHead. Set by look.
	manyHead, manyBody bool
	few                []ranked
	// typos is what to ask for besides what was typed: "" where that finds enough, and where
	// all that it finds are among the few.
	typos string
	// first are the first hits of the one tier that is still to be asked for, in its order: so
	// many that they fill a page, or all. nil when they are not known.
	first []hit

	counts *facetCount // of what was read
}

func newSearch(tx Tx, d Dialect, q db.Query) *search {
	l := languageOf(d)
	return &search{tx: tx, dialect: d, lang: l, q: q, words: db.Words(q.Text), filters: l.filters(q), counts: newFacetCount()}
}

// prepare makes Postgres plan for the words at hand instead of for any: a plan
// for the average word is wrong for the rare and for the common ones. Compiling
// plans costs more than it gives where a page is short.
func (s *search) prepare(ctx context.Context) error {
	if s.dialect.Name != "postgres" {
		return nil
	}
	_, err := s.tx.Exec(ctx, `SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true),
 set_config('enable_seqscan', 'off', true)`)
	return err
}

// The tiers of db.Query, by number as cursors hold it.
const (
	tierExact = iota
	tierName
	tierDisplay
	tierHead
	tierBody
	tierTypos
	tierEnd
)

// tier is what to ask for in a tier; false when it holds nothing.
func (s *search) tier(n int) (match, bool) {
	l := s.lang
	switch {
	case s.q.Text == "":
		return match{head: s.filters}, n == 0
	case len(s.words) == 0: // only punctuation
		return match{}, false
	case s.q.Sort != db.SortRelevance: // all in one, in another order
		return match{body: l.all(s.filters, l.words(termBody, s.words)), orHead: s.typos}, n == 0
	}
	group := func(g string) string { return l.words(g, s.words) }
	exact := l.term(s.exact())
	switch n {
	case tierExact:
		return match{head: l.all(s.filters, exact)}, true
	case tierName:
		return match{head: l.all(s.filters, group(termName)), not: exact}, true
	case tierDisplay:
		return match{head: l.all(s.filters, group(termDisplay)), not: group(termName)}, true
	case tierHead:
		m := s.byHead()
		m.not = group(termDisplay)
		return m, true
	case tierBody:
		return s.byBody(), true
	default:
		return match{head: s.typos, notIDs: s.fewIDs()}, s.typos != ""
	}
}

// exact is the term of a pack whose name is the text.
func (s *search) exact() string { return filterTerm(filterExact, strings.ToLower(s.q.Text)) }

// read gives up to limit hits of a tier after a place.
func (s *search) read(ctx context.Context, n int, after *hit, limit int) ([]hit, error) {
	asked := s.manyHead || s.manyBody && n == tierBody || s.typos != "" && n == tierTypos
	if len(s.words) > 0 && !asked && s.q.Sort == db.SortRelevance {
		return s.fewIn(n, after, limit), nil
	}
	m, ok := s.tier(n)
	switch {
	case !ok:
		return nil, nil
	case s.first != nil && after == nil:
		return s.first[:min(len(s.first), limit)], nil
	}
	return s.hits(ctx, m, after, limit)
}

// page reads the hits after a place and gives the cursor of the next page.
func (s *search) page(ctx context.Context, from *place) ([]hit, string, error) {
	at := place{Query: fingerprint(s.q)}
	var after *hit
	if from != nil {
		at.Tier = from.Tier
		if from.Name != "" { // else from the beginning of the tier
			after = &from.hit
		}
	}
	var hits []hit
	for ; at.Tier < tierEnd; at.Tier++ {
		// One more than fits tells whether there is a next page.
		more, err := s.read(ctx, at.Tier, after, s.q.Limit+1-len(hits))
		if err != nil {
			return nil, "", err
		}
		if over := len(hits) + len(more) - s.q.Limit; over > 0 {
			more = more[:len(more)-over]
			if at.hit = (hit{}); len(more) > 0 {
				at.hit = more[len(more)-1]
			}
			return append(hits, more...), at.String(), nil
		}
		hits, after = append(hits, more...), nil
	}
	return hits, "", nil
}
