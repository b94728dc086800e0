package sqlcat

import (
	"context"
	"strconv"
	"strings"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// match is a question about terms (see language). An empty one asks nothing.
type match struct {
	head   string // must hold for the terms of head
	body   string // must hold for those of body
	orHead string // makes up for body
	not    string // must not hold for the terms of head
	notIDs []int64
}

// sortable is the number of hits up to which they are collected and sorted; where
// there are more, it is cheaper to walk along the order and see which packs are hits.
// Names that begin alike lie together in the order, so that a walk to them may be long.
func (s *search) sortable() int64 {
	if s.dialect.Name == "postgres" {
		return 20_000
	}
	return 5_000 // the walk is cheaper, and so is giving up
}

// statement collects a query and its arguments.
type statement struct {
	strings.Builder
	args []any
}

// arg adds an argument and gives its placeholder.
func (s *statement) arg(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

// fromWhere writes the conditions of a match on pack_search. With walk the order of
// the query is to be followed, without it the hits come first; only SQLite needs to be told.
func (s *search) fromWhere(st *statement, m match, walk bool) {
	switch question := m.fts(s.lang); {
	case s.dialect.Name == "postgres":
		st.WriteString(" FROM pack_search WHERE true")
		s.wherePostgres(st, m)
	case question == "":
		st.WriteString(" FROM pack_search WHERE true")
	case walk: // which packs are hits is asked of each row in the order
		st.WriteString(" FROM pack_search WHERE +pack_id IN (SELECT rowid FROM search_terms WHERE search_terms MATCH " + st.arg(question) + ")")
	default: // CROSS keeps this order of the tables
		st.WriteString(" FROM search_terms CROSS JOIN pack_search ON pack_id = search_terms.rowid WHERE search_terms MATCH " + st.arg(question))
	}
	if s.q.Namespace != pack.AllNamespaces && (walk || m.asksNothing()) { // else it is one of the filters
		st.WriteString(" AND namespace = " + st.arg(s.q.Namespace))
	}
	m.whereNot(st)
}

// whereNot leaves out the packs that a match names.
func (m match) whereNot(st *statement) {
	for i, id := range m.notIDs {
		st.WriteString([...]string{" AND pack_id NOT IN (", ", "}[min(i, 1)] + st.arg(id))
	}
	if len(m.notIDs) > 0 {
		st.WriteString(")")
	}
}

func (s *search) wherePostgres(st *statement, m match) {
	asks := func(column, question string) string {
		return column + " @@ " + st.arg(question) + "::text::tsquery"
	}
	if m.head != "" {
		st.WriteString(" AND " + asks("head", m.head))
	}
	switch {
	case m.body != "" && m.orHead != "":
		st.WriteString(" AND (" + asks("body", m.body) + " OR " + asks("head", m.orHead) + ")")
	case m.body != "":
		st.WriteString(" AND " + asks("body", m.body))
	}
	if m.not != "" {
		st.WriteString(" AND NOT " + asks("head", m.not))
	}
}

// asksNothing reports whether every pack matches.
func (m match) asksNothing() bool { return m.head == "" && m.body == "" }

// fts is the whole match as one question to FTS5.
func (m match) fts(l language) string {
	question := l.all(m.head, l.any(m.body, m.orHead))
	if m.not != "" {
		question = "(" + question + ") NOT (" + m.not + ")"
	}
	return question
}

// hits reads up to limit packs of a match in the order of the query, after a place.
func (s *search) hits(ctx context.Context, m match, after *hit, limit int) ([]hit, error) {
	if !m.asksNothing() {
		hits, n, err := s.scan(ctx, s.sorted(m, after, limit))
		if err != nil || n <= s.sortable() {
			return hits, err
		}
	}
	var st statement
	st.WriteString("SELECT pack_id, namespace, name, age, 0")
	s.fromWhere(&st, m, true)
	s.beyond(&st, after)
	s.inOrder(&st, limit)
	hits, _, err := s.scan(ctx, &st)
	return hits, err
}

// sorted asks for the hits of a match by collecting and sorting them, and for their
// number, which is all that counts when it is over s.sortable. SQLite is told to know it
// before it looks at the packs, and says it in a last row without a pack.
func (s *search) sorted(m match, after *hit, limit int) *statement {
	var st statement
	if s.dialect.Name == "postgres" {
		st.WriteString("WITH found AS MATERIALIZED (SELECT pack_id, namespace, name, age")
		s.fromWhere(&st, m, false)
		s.beyond(&st, after)
		st.WriteString(" LIMIT " + st.arg(s.sortable()+1) + ") SELECT pack_id, namespace, name, age, (SELECT count(*) FROM found) FROM found")
		s.inOrder(&st, limit)
		return &st
	}
	most := st.arg(s.sortable())
	st.WriteString("WITH found AS MATERIALIZED (SELECT rowid AS id FROM search_terms WHERE search_terms MATCH " + st.arg(m.fts(s.lang)) +
		" LIMIT " + most + " + 1) SELECT * FROM (SELECT pack_id, namespace, name, age, 0 FROM found CROSS JOIN pack_search ON pack_id = id" +
		" WHERE (SELECT count(*) FROM found) <= " + most)
	m.whereNot(&st)
	s.beyond(&st, after)
	s.inOrder(&st, limit)
	st.WriteString(") UNION ALL SELECT 0, '', '', 0, count(*) FROM found")
	return &st
}

// beyond writes the condition that a pack comes after a place.
func (s *search) beyond(st *statement, after *hit) {
	switch {
	case after == nil:
	case s.q.Sort == db.SortUpdated:
		st.WriteString(" AND (age, namespace, name) > (" + st.arg(after.Age) + ", " + st.arg(after.Namespace) + ", " + st.arg(after.Name) + ")")
	default:
		st.WriteString(" AND (name, namespace) > (" + st.arg(after.Name) + ", " + st.arg(after.Namespace) + ")")
	}
}

func (s *search) inOrder(st *statement, limit int) {
	order := "name, namespace"
	if s.q.Sort == db.SortUpdated {
		order = "age, namespace, name"
	}
	st.WriteString(" ORDER BY " + order + " LIMIT " + st.arg(int64(limit)))
}

// scan reads hits, and the number that stands behind the last.
func (s *search) scan(ctx context.Context, st *statement) (hits []hit, n int64, err error) {
	rows, err := s.tx.Query(ctx, st.String(), st.args...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var h hit
		if err := rows.Scan(&h.PackID, &h.Namespace, &h.Name, &h.Age, &n); err != nil {
			return nil, 0, err
		}
		if h.PackID != 0 {
			hits = append(hits, h)
		}
	}
	return hits, n, rows.Err()
}
