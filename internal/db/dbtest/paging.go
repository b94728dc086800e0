package dbtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func pagingTests() []test {
	return []test{
		{"every size gives the same whole", pagingSizes},
		{"what stays is neither skipped nor repeated, under writers", pagingWriters},
		{"cursors belong to their query", pagingCursors},
		{"wrong queries", pagingInvalid},
	}
}

// searchAll reads all pages.
func searchAll(t testing.TB, d db.DB, q db.Query) []pack.Version {
	t.Helper()
	var all []pack.Version
	for {
		page, err := d.Search(t.Context(), q)
		if err != nil {
			t.Fatalf("search %+v: %v", q, err)
		}
		if len(page.Items) > q.Limit || (page.Next != "" && len(page.Items) == 0) {
			t.Fatalf("search %+v: a page of %d, next %q", q, len(page.Items), page.Next)
		}
		all = append(all, page.Items...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return all
		}
	}
}

// keys are the packs found as "namespace/name".
func keys(versions []pack.Version) []string {
	out := make([]string, len(versions))
	for i, v := range versions {
		out[i] = v.Namespace + "/" + v.Name
	}
	return out
}

func pagingSizes(t *testing.T, env Env) {
	const n = 23
	for i := range n {
		p := publication(fmt.Sprint("ns", i%3), fmt.Sprintf("paged-%02d", i/2), "1.0.0", fmt.Sprint(i))
		p.Version.PushedAt = pushedAt.Add(time.Duration(i*7%n/2) * time.Hour) // with ties
		p.Version.DisplayName = []string{"Paged", "Other", "Third paged"}[i%3]
		p.Readme = "common"
		publish(t, env.DB, p, db.Created)
	}
	for _, q := range []db.Query{
		{Namespace: "*"},
		{Namespace: "ns1"},
		{Namespace: "*", Sort: db.SortUpdated},
		{Namespace: "ns1", Sort: db.SortUpdated},
		{Namespace: "*", Text: "paged"},
		{Namespace: "*", Text: "paged common"},
		{Namespace: "*", Text: "paged common", Sort: db.SortName},
		{Namespace: "ns1", Text: "common", Sort: db.SortUpdated},
		{Namespace: "*", Text: "pagde"},
		{Namespace: "*", Text: "paged-03"},
		{Namespace: "*", Layers: []string{"addon"}},
	} {
		q.Limit = 1000
		whole := searchAll(t, env.DB, q)
		if len(whole) == 0 {
			t.Errorf("%+v finds nothing", q)
		}
		for _, q.Limit = range []int{1, 2, 7, len(whole) - 1, len(whole), len(whole) + 1} {
			if q.Limit > 0 {
				same(t, fmt.Sprintf("%+v", q), keys(whole), keys(searchAll(t, env.DB, q)))
			}
		}
		switch q.Sort {
		case db.SortUpdated:
			sorted := slices.IsSortedFunc(whole, func(a, b pack.Version) int { return b.PushedAt.Compare(a.PushedAt) })
			same(t, "newest first", true, sorted)
		case db.SortName:
			sorted := slices.IsSortedFunc(whole, func(a, b pack.Version) int { return compare(a.Name, b.Name) })
			same(t, "by name", true, sorted)
		}
	}
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func pagingWriters(t *testing.T, env Env) {
	const stay = 60
	var want []string
	for i := range stay {
		p := publication("default", fmt.Sprintf("stay-%03d", i*2), "1.0.0", "stays")
		publish(t, env.DB, p, db.Created)
		want = append(want, "default/"+p.Version.Name)
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		other, errs := env.DB, error(nil)
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- errs
				return
			default:
			}
			name := fmt.Sprintf("stay-%03d", i*7%stay*2+1)
			_, _, err := tryPublish(t.Context(), other, publication("default", name, "1.0.0", "comes and goes"))
			errs = errors.Join(errs, err, other.DeletePack(t.Context(), "default", name, "bob"))
		}
	}()
	for round := range 6 {
		q := db.Query{Namespace: "default", Limit: 3 + round}
		if round%2 == 1 {
			q.Text = "stay"
		}
		seen := make(map[string]int)
		for _, key := range keys(searchAll(t, env.DB, q)) {
			seen[key]++
		}
		for _, key := range want {
			if seen[key] != 1 {
				t.Errorf("%s was given %d times", key, seen[key])
			}
		}
	}
	close(stop)
	ok(t, <-stopped)
}

func pagingCursors(t *testing.T, env Env) {
	for i := range 5 {
		push(t, env.DB, "default", fmt.Sprint("cursor-", i), "1.0.0")
	}
	deprecated := false
	base := db.Query{Namespace: "default", Text: "cursor", Limit: 2}
	next := must(env.DB.Search(t.Context(), base))(t).Next
	if next == "" {
		t.Fatal("no next page")
	}
	for _, change := range []func(*db.Query){
		func(q *db.Query) { q.Text = "other" },
		func(q *db.Query) { q.Namespace = "*" },
		func(q *db.Query) { q.Sort = db.SortName },
		func(q *db.Query) { q.Sort = db.SortUpdated },
		func(q *db.Query) { q.Layers = []string{"addon"} },
		func(q *db.Query) { q.Deprecated = &deprecated },
		func(q *db.Query) { q.Cursor += "x" },
		func(q *db.Query) { q.Cursor = "nonsense" },
		func(q *db.Query) { q.Cursor = "bnVsbA" },
	} {
		q := base
		q.Cursor = next
		change(&q)
		_, err := env.DB.Search(t.Context(), q)
		wantKind(t, err, pack.KindInvalid, "cursor_invalid")
	}
	base.Cursor, base.Limit, base.Facets = next, 1, true // these may change
	same(t, "next page", []string{"default/cursor-2"}, keys(must(env.DB.Search(t.Context(), base))(t).Items))
}

func pagingInvalid(t *testing.T, env Env) {
	for _, q := range []db.Query{
		{Namespace: "*"},
		{Namespace: "*", Limit: -1},
		{Namespace: "*", Limit: 1001},
		{Namespace: "*", Limit: 1, Sort: "size"},
		{Namespace: "*", Limit: 1, Text: string(make([]byte, 1<<20))},
	} {
		_, err := env.DB.Search(t.Context(), q)
		wantKind(t, err, pack.KindInvalid, "")
	}
}
