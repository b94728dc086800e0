package dbtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"packregistry/internal/db"
)

func typoTests() []test {
	return []test{
		{"every single typo of a name is found", typoEvery},
		{"a typo in one word of several", typoWord},
		{"only where little is found as typed", typoBelow},
		{"short names and two typos are not", typoNot},
		{"found after what is found as typed", typoOrder},
		{"deleted packs are not", typoDeleted},
	}
}

// edits gives texts one typo away from a word: each kind at each place.
func edits(word string) []string {
	var out []string
	for i := range len(word) + 1 {
		out = append(out, word[:i]+"q"+word[i:])
		if i < len(word) {
			out = append(out, word[:i]+word[i+1:], word[:i]+"q"+word[i+1:])
		}
		if i+1 < len(word) {
			out = append(out, word[:i]+word[i+1:i+2]+word[i:i+1]+word[i+2:])
		}
	}
	return out
}

func typoEvery(t *testing.T, env Env) {
	names := []string{"istio", "aaaaa", "ababab", "prometheus", "external-dns", "csi-nfs-01"}
	for _, n := range names {
		put(t, env.DB, entry{name: n})
	}
	for i := range 40 { // names that share trigrams with them
		put(t, env.DB, entry{name: fmt.Sprintf("isti%02d-prom-exter-csi", i)})
	}
	for _, n := range names {
		letters := strings.ReplaceAll(n, "-", "")
		for _, typed := range append(edits(letters), strings.ToUpper(edits(letters)[0])) {
			if got := found(t, env.DB, db.Query{Text: typed}); !slices.Contains(got, n) {
				t.Errorf("%s typed as %q finds %v", n, typed, got)
			}
		}
	}
}

func typoWord(t *testing.T, env Env) {
	put(t, env.DB,
		entry{name: "cert-manager", display: "Certificates", layer: "addon", readme: "needs helm"},
		entry{name: "cert-operator", display: "Certificates"},
		entry{name: "manager", display: "Something"},
	)
	for text, want := range map[string][]string{
		"cert manger":         {"cert-manager"},
		"manger":              {"cert-manager", "manager"},
		"manger cert":         {"cert-manager"},
		"mnager certificates": {"cert-manager"},
		"certificates mnager": {"cert-manager"},
		"mnager certif":       {"cert-manager"}, // the last word is a beginning
		"addon manageer":      {"cert-manager"},
		"certoperator":        {"cert-operator"},
		"cert opertaor":       {"cert-operator"},
		"mnager helm":         nil, // the README does not count here
		"certificate oprator": nil, // only the last word is a beginning
		"crt manager":         {"cert-manager"},
		"certt mnager":        nil,
	} {
		same(t, fmt.Sprintf("%q", text), want, found(t, env.DB, db.Query{Text: text}))
	}
}

func typoBelow(t *testing.T, env Env) {
	put(t, env.DB, entry{name: "prometheux"})
	for i := range db.TypoBelow {
		same(t, fmt.Sprint("with ", i), true, slices.Contains(found(t, env.DB, db.Query{Text: "prometheus"}), "prometheux"))
		e := entry{name: fmt.Sprintf("p%d", i)}
		if i%2 == 0 {
			e.readme = "prometheus"
		} else {
			e.display = "Prometheus"
		}
		put(t, env.DB, e)
	}
	same(t, "with enough", false, slices.Contains(found(t, env.DB, db.Query{Text: "prometheus"}), "prometheux"))
	page := must(env.DB.Search(t.Context(), db.Query{Namespace: "*", Text: "prometheus", Limit: 3, Facets: true}))(t)
	same(t, "total", db.TypoBelow, page.Total)
}

func typoNot(t *testing.T, env Env) {
	put(t, env.DB, entry{name: "helm"}, entry{name: "istio"}, entry{name: "a-b-c-d"})
	for _, text := range []string{"hlem", "hepm", "isito-x", "sitoi", "itsoi", "istioxx", "abcx"} {
		same(t, text, []string{}, found(t, env.DB, db.Query{Text: text}))
	}
}

func typoOrder(t *testing.T, env Env) {
	put(t, env.DB,
		entry{name: "vaults"}, entry{name: "vault", display: "x"}, entry{name: "wault"}, entry{ns: "team", name: "fault", layer: "cni"}, entry{name: "zzz", readme: "vault"},
		entry{name: "vaultx", annotations: map[string]string{"source": "community"}},
	)
	want := []string{"vault", "vaults", "vaultx", "zzz", "team/fault", "wault"}
	same(t, "by relevance", want, found(t, env.DB, db.Query{Text: "vault"}))
	slices.SortFunc(want, func(a, b string) int { return compare(strings.TrimPrefix(a, "team/"), strings.TrimPrefix(b, "team/")) })
	same(t, "by name", want, found(t, env.DB, db.Query{Text: "vault", Sort: db.SortName}))
	same(t, "with a filter", []string{"team/fault"}, found(t, env.DB, db.Query{Text: "vault", Layers: []string{"cni"}}))
	same(t, "in a namespace", []string{"team/fault"}, found(t, env.DB, db.Query{Text: "vault", Namespace: "team"}))
	page := must(env.DB.Search(t.Context(), db.Query{Namespace: "*", Text: "vault", Limit: 1, Facets: true}))(t)
	same(t, "total", len(want), page.Total)
}

func typoDeleted(t *testing.T, env Env) {
	put(t, env.DB, entry{name: "grafana"}, entry{ns: "team", name: "grafana"})
	ok(t, env.DB.DeletePack(t.Context(), "default", "grafana", "bob"))
	same(t, "found", []string{"team/grafana"}, found(t, env.DB, db.Query{Text: "grafaan"}))
	put(t, env.DB, entry{name: "grafana"})
	same(t, "found", []string{"grafana", "team/grafana"}, found(t, env.DB, db.Query{Text: "grafaan"}))
}
