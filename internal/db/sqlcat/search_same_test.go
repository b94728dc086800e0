package sqlcat_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/db"
	"packregistry/internal/db/sqlcat"
)

// Which way a search takes depends on how many packs it finds, and on whether facets
// are asked for. All ways, of both databases, have to find the same.
func TestSearchSameOnEveryWay(t *testing.T) {
	const n = 300 // enough for few and for many hits, and for several pages
	catalogues := map[string]*sqlcat.Catalogue{"sqlite": big(t, "sqlite", n), "postgres": big(t, "postgres", n)}
	for kind, list := range questions(n) {
		for i, q := range list {
			if kind != "common" && kind != "browse" && i%15 != 0 {
				continue
			}
			for _, q.Sort = range []db.Sort{q.Sort, db.SortUpdated} {
				t.Run(fmt.Sprintf("%s/%d/%s/%s", kind, i, q.Text, q.Sort), func(t *testing.T) {
					var want []string
					for dialect, c := range catalogues {
						all := everyPage(t, c, q)
						if want == nil {
							want = all
						}
						if diff := cmp.Diff(want, all); diff != "" {
							t.Errorf("%s finds other packs: %s", dialect, diff)
						}
						for _, q.Facets = range []bool{false, true} {
							if diff := cmp.Diff(want[:min(len(want), 21)], firstPages(t, c, q)); diff != "" {
								t.Errorf("%s, short pages, facets %v: %s", dialect, q.Facets, diff)
							}
						}
					}
				})
			}
		}
	}
}

// everyPage gives the packs that a search finds, and compares its facets with them.
func everyPage(t *testing.T, c *sqlcat.Catalogue, q db.Query) []string {
	t.Helper()
	all := []string{}
	var first *db.Page
	counted := map[string]map[string]int{"layer": {}, "addonType": {}, "deprecated": {}}
	for q.Limit, q.Facets = 120, true; ; q.Facets = false {
		page, err := c.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = page
		}
		for _, v := range page.Items {
			all = append(all, v.Namespace+"/"+v.Name)
			counted["layer"][v.Layer]++
			counted["addonType"][v.AddonType]++
			counted["deprecated"][strconv.FormatBool(v.Deprecated)]++
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if first.Total != len(all) || first.Estimated {
		t.Errorf("%+v: total %d, estimated %v, of %d packs", q, first.Total, first.Estimated, len(all))
	}
	for facet, want := range counted {
		delete(want, "")
		got := make(map[string]int)
		for _, v := range first.Facets[facet] {
			got[v.Value] = v.Count
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", facet, diff)
		}
	}
	return all
}

// firstPages gives what three pages of seven hold.
func firstPages(t *testing.T, c *sqlcat.Catalogue, q db.Query) []string {
	t.Helper()
	found := []string{}
	q.Limit = 7
	for range 3 {
		page, err := c.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Items {
			found = append(found, v.Namespace+"/"+v.Name)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return found
}
