package registry_test

import (
	"fmt"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// many is a registry with 200 packs on each back end.
func many(b *testing.B, run func(b *testing.B, e *env)) {
	words := []string{"argo", "calico", "cilium", "consul", "flux", "harbor", "istio", "longhorn", "nginx", "vault"}
	for name, open := range map[string]func(testing.TB, ...change) *env{"embedded": embedded, "production": production} {
		b.Run(name, func(b *testing.B) {
			e := open(b)
			for i := range 200 {
				pack := fmt.Sprintf("%s-%s-%d", words[i%10], words[i/10%10], i)
				e.publish(upload(packtest.PackZip(pack, "1.0.0")), db.Created)
			}
			run(b, e)
		})
	}
}

// BenchmarkCatalogue reads the whole catalogue of 200 versions.
func BenchmarkCatalogue(b *testing.B) {
	many(b, func(b *testing.B, e *env) {
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			if _, err := e.Catalogue(b.Context(), ns, func(*pack.Version) error { n++; return nil }); err != nil || n != 200 {
				b.Fatal(n, err)
			}
		}
	})
}

// BenchmarkSearch asks 200 packs by a word, a prefix and a typo, and with facets.
func BenchmarkSearch(b *testing.B) {
	many(b, func(b *testing.B, e *env) {
		for name, q := range map[string]db.Query{
			"word": {Text: "calico"}, "prefix": {Text: "cil"}, "typo": {Text: "longhron"}, "facets": {Text: "vault", Facets: true},
		} {
			b.Run(name, func(b *testing.B) {
				q.Namespace, q.Limit = ns, 50
				b.ReportAllocs()
				for b.Loop() {
					page, err := e.Search(b.Context(), q)
					if err != nil || len(page.Items) == 0 {
						b.Fatal(len(page.Items), err)
					}
				}
			})
		}
	})
}
