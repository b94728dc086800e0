package sqlcat_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/db/dbtest"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
)

// ociScan finds plans that read a whole table or sort a list. Sorting what an index has narrowed down to a few is none.
func ociScan(dialect, query, line string) bool {
	if dialect == "postgres" {
		return regexp.MustCompile(`Seq Scan on (oci_|pack|revisions|versions|leases)`).MatchString(line)
	}
	return strings.Contains(line, "TEMP B-TREE") && !strings.HasSuffix(query, "LIMIT 1") ||
		strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, " INDEX ") && line != "SCAN CONSTANT ROW"
}

func TestOCIPlans(t *testing.T) {
	const n = 2000 // enough for a planner to prefer an index
	var first *pack.Version
	for g := range dbtest.Generate(1) {
		first = &g.Version
	}
	for _, dialect := range []string{"sqlite", "postgres"} {
		t.Run(dialect, func(t *testing.T) {
			plain := big(t, dialect, n)
			if err := plain.BulkOCI(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			plans, what := 0, ""
			c := plain.Explained(func(query string, plan []string) {
				plans++
				if slices.ContainsFunc(plan, func(line string) bool { return ociScan(dialect, query, line) }) {
					t.Errorf("%s reads a whole table:\n%s\n%s", what, query, strings.Join(plan, "\n"))
				}
			})
			calls := ociReads(c, first)
			if dialect == "sqlite" { // Postgres knows when reading and sorting all of a small table is cheaper
				calls["all repositories"] = func(ctx context.Context) (int, error) { return count(c.OCIRepositories(ctx, 0, "")) }
				calls["all references"] = func(ctx context.Context) (n int, err error) {
					err = c.BlobRefs(ctx, func(db.BlobRef) error { n++; return nil })
					return min(n, 1), err
				}
				calls["all packs"] = func(ctx context.Context) (int, error) { return count(c.PackRepositories(ctx)) }
			}
			want := map[string]int{
				"repositories": 50, "tags": 50, "the last tags": 50, "referrers": n / 100, "all repositories": n / 2, "all packs": n,
			}
			for name, call := range calls {
				what = name
				found, err := call(t.Context())
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if found != max(want[name], 1) {
					t.Errorf("%s: found %d, want %d", name, found, max(want[name], 1))
				}
			}
			if plans < len(calls) {
				t.Errorf("only %d plans were seen", plans)
			}
		})
	}
}

func count[T any](list []T, err error) (int, error) { return len(list), err }

func one[T any](_ T, err error) (int, error) { return 1, err }

// ociReads are the questions that must not get slower as the registry grows, each with how much it finds.
func ociReads(c *sqlcat.Catalogue, v *pack.Version) map[string]func(context.Context) (int, error) {
	const repo = "many/00000"
	digest := sqlcat.BulkDigest
	return map[string]func(context.Context) (int, error){
		"repositories":  func(ctx context.Context) (int, error) { return count(c.OCIRepositories(ctx, 50, "many/00100")) },
		"tags":          func(ctx context.Context) (int, error) { return count(c.OCITags(ctx, repo, 50, "")) },
		"the last tags": func(ctx context.Context) (int, error) { return count(c.OCITags(ctx, repo, 50, "t01900")) },
		"referrers": func(ctx context.Context) (int, error) {
			return count(c.OCIReferrers(ctx, repo, digest("subject", 7), "", "", 0))
		},
		"a manifest by tag": func(ctx context.Context) (int, error) { return one(c.OCIManifest(ctx, repo, "t00007")) },
		"a manifest":        func(ctx context.Context) (int, error) { return one(c.OCIManifest(ctx, repo, digest("manifest", 0))) },
		"a blob":            func(ctx context.Context) (int, error) { return one(c.OCIBlob(ctx, repo, digest("blob", 0))) },
		"a version": func(ctx context.Context) (int, error) {
			return one(c.PackManifest(ctx, v.Namespace, v.Name, v.Version))
		},
		"a version's manifests": func(ctx context.Context) (int, error) {
			return one(c.VersionManifests(ctx, v.Namespace, v.Name, v.Version))
		},
		"a pack's manifest": func(ctx context.Context) (int, error) {
			return one(c.PackManifest(ctx, v.Namespace, v.Name, string(v.Digest)))
		},
		"a pack's blob": func(ctx context.Context) (int, error) {
			return one(c.PackBlob(ctx, v.Namespace, v.Name, string(v.Digest)))
		},
		"whether it is held": func(ctx context.Context) (int, error) { return held(c.Referenced(ctx, pack.Digest(digest("blob", 5)))) },
		"whether it is not": func(ctx context.Context) (int, error) {
			return one(c.Referenced(ctx, pack.Digest(digest("nothing", 0))))
		},
	}
}

func held(is bool, err error) (int, error) {
	if err == nil && !is {
		err = fmt.Errorf("it is not held")
	}
	return 1, err
}
