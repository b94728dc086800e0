package sqlcat_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"packregistry/internal/db"
	"packregistry/internal/db/dbtest"
	"packregistry/internal/db/postgres"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/testenv"
)

// big fills a database with n packs.
func big(tb testing.TB, dialect string, n int) *sqlcat.Catalogue {
	tb.Helper()
	var c *sqlcat.Catalogue
	var direct func(sql string) error
	ctx := context.Background()
	if dialect == "postgres" {
		url := testenv.Postgres(tb)
		d, err := postgres.Open(ctx, url, postgres.Options{})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = d.Close() }) // always nil
		c = d.Catalogue
		direct = func(sql string) error {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			_, err = conn.Exec(ctx, sql)
			return errors.Join(err, conn.Close(ctx))
		}
	} else {
		d, err := sqlite.Open(ctx, filepath.Join(tb.TempDir(), "registry.db"), sqlite.Options{})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := d.Close(); err != nil {
				tb.Error(err)
			}
		})
		c = d.Catalogue
	}
	start := time.Now()
	if err := c.BulkLoad(ctx, slices.Collect(dbtest.Generate(n)), direct); err != nil {
		tb.Fatal(err)
	}
	tb.Logf("%s: %d packs in %v", dialect, n, time.Since(start).Round(time.Millisecond))
	return c
}

// questions are what people ask, by kind. Names come from the generator.
func questions(n int) map[string][]db.Query {
	var names []string
	for g := range dbtest.Generate(n) {
		names = append(names, g.Version.Name)
	}
	kinds := make(map[string][]db.Query)
	add := func(kind, text string) { kinds[kind] = append(kinds[kind], db.Query{Text: text}) }
	for i := 7; i < n; i += n / 97 {
		name := names[i]
		add("names", name)
		add("prefixes", name[:min(2+i%5, len(name))])
		add("prefixes", name[:1+i%3])
		middle := len(name) / 2
		add("typos", name[:middle]+"q"+name[middle+1:])
		add("typos", name[:middle]+name[middle+1:])
		word := strings.Split(name, "-")[0]
		add("typos", word[:1]+word)
	}
	for _, text := range []string{
		"operator", "kubernetes", "cluster", "community", "addon", "addon operator", "team", "installs", "pack", "a", "kubernetes install",
		"operator kubernetes", "system app", "the", "monitoring", "controler", "opertor",
	} {
		add("common", text)
		kinds["common"] = append(kinds["common"], db.Query{Text: text, Layers: []string{"cni"}, Sources: []string{"partner"}})
	}
	kinds["browse"] = []db.Query{
		{}, {Sort: db.SortUpdated}, {Layers: []string{"csi"}}, {Layers: []string{"csi"}, Sort: db.SortUpdated}, {Sources: []string{"partner"}, CloudTypes: []string{"aws"}},
	}
	for kind, list := range kinds {
		for i := range list {
			list[i].Namespace, list[i].Limit = []string{"*", "default", "team/edge"}[i%3], 50
		}
		kinds[kind] = list
	}
	return kinds
}

// fullScan finds plans that read a whole table. Following an index to the end of a
// page is none.
func fullScan(dialect, line string) bool {
	if dialect == "postgres" {
		return regexp.MustCompile(`Seq Scan on (packs|versions|revisions|tags|pack_search|search_grams)\b`).MatchString(line)
	}
	return regexp.MustCompile(`^SCAN (packs|p|versions|v|revisions|r|tags|t|pack_search|search_grams|g)\b`).MatchString(line) &&
		!strings.Contains(line, "USING INDEX") && !strings.Contains(line, "USING COVERING INDEX pack_search")
}

func TestSearchPlans(t *testing.T) {
	// More than facets count, also enough for a planner to prefer an index. The race
	// detector makes loading them take minutes, and finds no more in many than in few.
	n := db.FacetLimit + 100
	if raceDetector {
		n = 1000
	}
	for _, dialect := range []string{"sqlite", "postgres"} {
		t.Run(dialect, func(t *testing.T) {
			plans, what := 0, ""
			c := big(t, dialect, n).Explained(func(query string, plan []string) {
				plans++
				for _, line := range plan {
					if fullScan(dialect, line) && !strings.Contains(query, "typed") {
						t.Errorf("%s reads a whole table:\n%s\n%s", what, query, strings.Join(plan, "\n"))
						return
					}
				}
			})
			for kind, list := range questions(n) {
				for i, q := range list {
					if kind != "common" && kind != "browse" && i%10 != 0 {
						continue
					}
					what = fmt.Sprintf("%s %+v", kind, q)
					for _, q.Facets = range []bool{false, true} {
						page, err := c.Search(t.Context(), q)
						if err != nil {
							t.Fatalf("%s: %v", what, err)
						}
						if q.Cursor = page.Next; q.Cursor == "" {
							continue
						}
						if _, err := c.Search(t.Context(), q); err != nil {
							t.Fatalf("%s, next page: %v", what, err)
						}
						q.Cursor = ""
					}
				}
			}
			page, err := c.Search(t.Context(), db.Query{Namespace: "*", Limit: 1, Facets: true})
			if err != nil || page.Estimated != (n > db.FacetLimit) || page.Total != min(n, db.FacetLimit) {
				t.Errorf("of %d packs: estimated %v, total %d, error %v", n, page.Estimated, page.Total, err)
			}
			if plans < 100 {
				t.Errorf("only %d plans were seen", plans)
			}
		})
	}
}

// BenchmarkSearch measures the budget: 100,000 packs, one client.
func BenchmarkSearch(b *testing.B) {
	const n = 100_000
	for _, dialect := range []string{"sqlite", "postgres"} {
		b.Run(dialect, func(b *testing.B) {
			c := big(b, dialect, n)
			for _, facets := range []bool{false, true} {
				for kind, list := range questions(n) {
					b.Run(fmt.Sprintf("%s/facets=%v", kind, facets), func(b *testing.B) {
						var took []time.Duration
						slowest := make(map[time.Duration]string)
						for i := 0; b.Loop(); i++ {
							q := list[i%len(list)]
							q.Facets = facets
							start := time.Now()
							if _, err := c.Search(b.Context(), q); err != nil {
								b.Fatal(err)
							}
							d := time.Since(start)
							took = append(took, d)
							slowest[d] = fmt.Sprintf("%q in %s sort %q filters %v", q.Text, q.Namespace, q.Sort, q.Layers)
						}
						slices.Sort(took)
						b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
						b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
						b.Logf("slowest %v: %s", took[len(took)-1], slowest[took[len(took)-1]])
					})
				}
			}
		})
	}
}
