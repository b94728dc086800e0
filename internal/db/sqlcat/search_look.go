package sqlcat

import (
	"cmp"
	"context"
	"slices"

	"packregistry/internal/db"
)

// fewHits is the number of packs up to which a text's hits are ranked here instead
// of by a question a tier: most searches find few, and each question costs its time.
const fewHits = 100

// look finds out whether a text finds few packs, which, and what to ask for typos.
// Those that it finds by more than their README come first: they are often few where
// all are many.
func (s *search) look(ctx context.Context) error {
	if len(s.words) == 0 {
		return s.lookAtFilters(ctx)
	}
	head, err := s.some(ctx, tierHead, s.byHead(), fewHits+1)
	if err != nil {
		return err
	}
	if s.manyHead = len(head) > fewHits; s.manyHead {
		return nil
	}
	if err := s.rank(ctx, head); err != nil {
		return err
	}
	s.keep(head)
	if err := s.lookAtBody(ctx); err != nil || s.manyBody || len(s.few) >= db.TypoBelow {
		return err
	}
	return s.lookForTypos(ctx)
}

// lookAtBody finds what byBody finds, or that it is much.
func (s *search) lookAtBody(ctx context.Context) error {
	m, fit := s.byBody(), fewHits-len(s.few)
	if !s.collects() {
		body, err := s.some(ctx, tierBody, m, fit+1)
		if s.manyBody = len(body) > fit; err == nil && !s.manyBody {
			s.keep(body)
		}
		return err
	}
	c, err := s.collect(ctx, tierBody, m, max(fit, s.q.Limit)+1)
	if err != nil {
		return err
	}
	if s.manyBody = c.n > fit; s.manyBody {
		s.take(c)
	} else {
		s.keep(c.first)
	}
	return nil
}

// collects reports whether all that byBody finds is best read at once: for facets, and on
// Postgres for a page that the few do not fill. In SQLite it is cheaper to find out first that it is much.
func (s *search) collects() bool {
	return s.q.Facets || s.dialect.Name == "postgres" && len(s.few) <= s.q.Limit
}

// lookAtFilters is look for a query without a text.
func (s *search) lookAtFilters(ctx context.Context) error {
	if s.q.Text != "" || s.filters == "" || !s.q.Facets {
		return nil
	}
	c, err := s.collect(ctx, 0, match{head: s.filters}, s.q.Limit+1)
	if err == nil {
		s.take(c)
	}
	return err
}

// keep takes hits among the few, and counts their facets.
func (s *search) keep(hits []ranked) {
	s.few = append(s.few, hits...)
	slices.SortFunc(s.few, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.tier, b.tier), s.order(a.hit, b.hit))
	})
	for _, r := range hits {
		s.counts.add(r.facets, 1)
	}
}

// byHead finds what the text finds by more than the README.
func (s *search) byHead() match {
	return match{head: s.lang.all(s.filters, s.lang.words(termHead, s.words))}
}

// byBody finds what the text finds by the README only: all but the few, or what byHead finds.
func (s *search) byBody() match {
	m := match{body: s.lang.all(s.filters, s.lang.words(termBody, s.words)), notIDs: s.fewIDs()}
	if s.manyHead {
		m.not = s.lang.words(termHead, s.words)
	}
	return m
}

// some reads up to limit packs of a match, any, into a tier.
func (s *search) some(ctx context.Context, tier int, m match, limit int) ([]ranked, error) {
	var st statement
	st.WriteString("SELECT pack_id, namespace, name, age, facets")
	s.fromWhere(&st, m, false)
	st.WriteString(" LIMIT " + st.arg(int64(limit)))
	return s.scanRanked(ctx, tier, &st)
}

func (s *search) scanRanked(ctx context.Context, tier int, st *statement) ([]ranked, error) {
	rows, err := s.tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []ranked
	for rows.Next() {
		r := ranked{tier: tier}
		if err := rows.Scan(&r.PackID, &r.Namespace, &r.Name, &r.Age, &r.facets); err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, rows.Err()
}
