package dbtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func searchTests() []test {
	return []test{
		{"sets and their order", searchSets},
		{"words of all scripts", searchScripts},
		{"filters", searchFilters},
		{"the newest version is searched", searchNewest},
		{"rows are documents with tags", searchRows},
		{"hostile text", searchHostile},
		{"long texts are cut alike", searchLong},
		{"sorted by update", searchUpdated},
	}
}

// entry is a pack to be searched.
type entry struct {
	ns, name, display, layer, addonType string
	annotations                         map[string]string
	cloudTypes                          []string
	readme                              string
}

func put(t testing.TB, d db.DB, entries ...entry) {
	t.Helper()
	for _, e := range entries {
		if e.ns == "" {
			e.ns = "default"
		}
		p := publication(e.ns, e.name, "1.0.0", fmt.Sprintf("%+v", e))
		v := &p.Version
		v.DisplayName, v.Layer, v.AddonType, v.Annotations, v.CloudTypes = e.display, e.layer, e.addonType, e.annotations, e.cloudTypes
		p.Readme = e.readme
		publish(t, d, p, db.Created)
	}
}

// found is what a text finds, in order, "default/" left out.
func found(t testing.TB, d db.DB, q db.Query) []string {
	t.Helper()
	if q.Namespace == "" {
		q.Namespace = "*"
	}
	q.Limit = 4
	out := keys(searchAll(t, d, q))
	for i := range out {
		out[i] = strings.TrimPrefix(out[i], "default/")
	}
	return out
}

func searchSets(t *testing.T, env Env) {
	put(t, env.DB,
		entry{name: "argo-cd", display: "Argo CD", layer: "addon", addonType: "system app", readme: "Deploys with git. See rollouts."},
		entry{name: "argo-rollouts", display: "Argo Rollouts", layer: "addon", addonType: "system app"},
		entry{name: "argo", display: "Workflows", layer: "addon", addonType: "app services"},
		entry{name: "flux", display: "Flux CD, not Argo", layer: "addon", annotations: map[string]string{"source": "community", "vendor": "argonauts"}},
		entry{name: "zot", display: "Zot", layer: "addon", annotations: map[string]string{"successor": "argo"}},
		entry{name: "calico", display: "Calico", layer: "cni", readme: "Networking. Works with argo and with CD."},
		entry{ns: "team", name: "argo-cd", display: "Argo CD of the team", layer: "addon"},
		entry{name: "istio", display: "Istio", layer: "addon", addonType: "servicemesh"},
	)
	for _, tc := range []struct {
		text string
		want []string
	}{
		{"argo-cd", []string{"argo-cd", "team/argo-cd", "flux", "calico"}},
		{"ARGO-CD", []string{"argo-cd", "team/argo-cd", "flux", "calico"}},
		{"argo cd", []string{"argo-cd", "team/argo-cd", "flux", "calico"}},
		{"cd argo", []string{"argo-cd", "team/argo-cd", "flux", "calico"}},
		{"argo", []string{"argo", "argo-cd", "team/argo-cd", "argo-rollouts", "flux", "zot", "calico"}},
		{"arg", []string{"argo", "argo-cd", "team/argo-cd", "argo-rollouts", "flux", "zot", "calico"}},
		{"argo r", []string{"argo-rollouts", "argo-cd"}},
		{"arg system", nil}, // only the last word is a beginning
		{"rollouts", []string{"argo-rollouts", "argo-cd"}},
		{"workflows", []string{"argo"}},
		{"argonauts", []string{"flux"}},
		{"flux argonauts", []string{"flux"}},
		{"argo system", []string{"argo-cd", "argo-rollouts"}},
		{"cni", []string{"calico"}},
		{"servicemesh", []string{"istio"}},
		{"git rollouts argo", []string{"argo-cd"}},
		{"  Istio \t", []string{"istio"}},
		{"nothing at all", nil},
		{"-", nil},
		{"rgo", nil}, // four letters are too few for a typo, and the middle of a word is no beginning
	} {
		same(t, fmt.Sprintf("%q", tc.text), tc.want, found(t, env.DB, db.Query{Text: tc.text}))
	}
	same(t, "in a namespace", []string{"team/argo-cd"}, found(t, env.DB, db.Query{Namespace: "team", Text: "argo"}))
	same(t, "no text", []string{"argo", "argo-cd", "team/argo-cd", "argo-rollouts", "calico", "flux", "istio", "zot"}, found(t, env.DB, db.Query{Text: "  "}))
	same(t, "by name", []string{"argo-cd", "team/argo-cd", "calico", "flux"}, found(t, env.DB, db.Query{Text: "argo cd", Sort: db.SortName}))
}

func searchScripts(t *testing.T, env Env) {
	put(t, env.DB,
		entry{name: "strasse", display: "Große Straße"},
		entry{name: "tokyo", display: "東京 タワー"},
		entry{name: "cafe", display: "Cafe\u0301 Noir"},
		entry{name: "athens", display: "ΛΌΓΟΣ"},
		entry{name: "fullwidth", display: "ＮＥＴＷＯＲＫ"},
		entry{name: "hindi", display: "हिन्दी"},
		entry{name: "emoji", display: "rocket 🚀 science"},
		entry{name: "plain", display: "cafe"},
	)
	for text, want := range map[string][]string{
		"STRASSE": {"strasse"}, "straße": {"strasse"}, "GROSSE": {"strasse"}, "große": {"strasse"},
		"東京": {"tokyo"}, "東": {"tokyo"}, "タワ": {"tokyo"}, "ﾀﾜｰ": {"tokyo"},
		"CAFÉ": {"cafe"}, "cafe": {"cafe", "plain"},
		"λόγος": {"athens"}, "network": {"fullwidth"}, "हिन्दी": {"hindi"}, "rocket science": {"emoji"}, "🚀": nil,
	} {
		same(t, fmt.Sprintf("%q", text), want, found(t, env.DB, db.Query{Text: text}))
	}
}

func searchFilters(t *testing.T, env Env) {
	source := func(s string) map[string]string { return map[string]string{"source": s} }
	put(t, env.DB,
		entry{name: "a", layer: "addon", addonType: "monitoring", annotations: source("community"), cloudTypes: []string{"aws", "azure"}},
		entry{name: "b", layer: "addon", addonType: "logging", annotations: source("spectrocloud"), cloudTypes: []string{"aws"}},
		entry{name: "c", layer: "cni", annotations: source("spectrocloud"), cloudTypes: []string{"all"}},
		entry{name: "d", layer: "csi", annotations: map[string]string{"source": "community", "system_state": "deprecated"}},
		entry{ns: "team", name: "a", layer: "cni", annotations: source("community")},
		entry{name: "e-'q\"", layer: "odd 'value\" & | ! :* ()", annotations: source("a,b")},
	)
	p := publication("default", "d", "2.0.0", "deprecated")
	p.Version.Layer, p.Version.Deprecated, p.Version.CloudTypes, p.Version.AddonType = "csi", true, nil, ""
	publish(t, env.DB, p, db.Created)
	ok(t, env.DB.DeleteVersion(t.Context(), "default", "d", "1.0.0", "", "bob"))
	yes, no := true, false
	for _, tc := range []struct {
		q    db.Query
		want []string
	}{
		{db.Query{Layers: []string{"addon"}}, []string{"a", "b"}},
		{db.Query{Layers: []string{"addon", "csi"}}, []string{"a", "b", "d"}},
		{db.Query{Layers: []string{"Addon"}}, nil},
		{db.Query{Layers: []string{"add"}}, nil},
		{db.Query{Layers: []string{"odd 'value\" & | ! :* ()"}}, []string{"e-'q\""}},
		{db.Query{AddonTypes: []string{"monitoring", "logging"}, Sources: []string{"spectrocloud"}}, []string{"b"}},
		{db.Query{CloudTypes: []string{"azure"}}, []string{"a"}},
		{db.Query{CloudTypes: []string{"azure", "all"}}, []string{"a", "c"}},
		{db.Query{Sources: []string{"a,b"}}, []string{"e-'q\""}},
		{db.Query{Deprecated: &yes}, []string{"d"}},
		{db.Query{Deprecated: &no, Layers: []string{"csi", "cni"}}, []string{"team/a", "c"}},
		{db.Query{Namespace: "team", Layers: []string{"cni"}}, []string{"team/a"}},
		{db.Query{Namespace: "default", Text: "a", Layers: []string{"cni"}}, []string{}},
		{db.Query{Text: "a", Layers: []string{"cni"}}, []string{"team/a"}},
	} {
		same(t, fmt.Sprintf("%+v", tc.q), tc.want, found(t, env.DB, tc.q))
	}
}

func searchNewest(t *testing.T, env Env) {
	ctx := t.Context()
	version := func(v, display, layer, readme string) {
		p := publication("default", "moving", v, v)
		p.Version.DisplayName, p.Version.Layer, p.Readme = display, layer, readme
		publish(t, env.DB, p, db.Created)
	}
	finds := func(text, layer string) bool {
		q := db.Query{Text: text}
		if layer != "" {
			q.Layers = []string{layer}
		}
		return len(found(t, env.DB, q)) == 1
	}
	version("2.0.0", "Second", "cni", "two")
	version("1.0.0", "First", "addon", "one")
	same(t, "the older one", false, finds("first", "") || finds("one", "") || finds("", "addon"))
	same(t, "the newest", true, finds("second", "") && finds("two", "") && finds("", "cni"))
	version("3.0.0", "Third", "csi", "three")
	same(t, "what was newest", false, finds("second", "") || finds("two", "") || finds("", "cni"))
	same(t, "the newest", true, finds("third", "") && finds("three", "") && !finds("second third", "") && finds("", "csi"))
	ok(t, env.DB.DeleteVersion(ctx, "default", "moving", "3.0.0", "", "bob"))
	same(t, "the newest again", true, finds("second", "") && finds("two", "") && finds("", "cni"))
	same(t, "what is deleted", false, finds("third", "") || finds("three", ""))
	p := publication("default", "moving", "2.0.0", "replaced")
	p.Force, p.Version.DisplayName = true, "Replaced"
	publish(t, env.DB, p, db.Replaced)
	same(t, "the new revision", true, finds("replaced", ""))
	same(t, "the old revision", false, finds("second", "") || finds("two", ""))
	ok(t, env.DB.DeletePack(ctx, "default", "moving", "bob"))
	same(t, "what is gone", false, finds("moving", "") || finds("", ""))
}

func searchRows(t *testing.T, env Env) {
	push(t, env.DB, "default", "rows", "1.0.0")
	push(t, env.DB, "default", "rows", "1.1.0")
	push(t, env.DB, "default", "rows-2", "5.0.0")
	ok(t, env.DB.SetTag(t.Context(), "default", "rows", "stable", "1.1.0", "bob"))
	ok(t, env.DB.SetTag(t.Context(), "default", "rows", "old", "1.0.0", "bob"))
	page := must(env.DB.Search(t.Context(), db.Query{Namespace: "*", Text: "rows", Limit: 10}))(t)
	for i, name := range []string{"rows", "rows-2"} {
		want := resolve(t, env.DB, name, latest())
		want.Manifest, want.Warnings = nil, nil
		same(t, name, *want, page.Items[i])
	}
	same(t, "tags", []string{"1.1.0", "1.1.x", "1.x", "stable"}, page.Items[0].Tags)
	same(t, "facets not asked for", true, page.Facets == nil && page.Total == 0)
	page.Items[0].Annotations["source"] = "changed" // by the caller, who may
	same(t, "what is stored", "community", resolve(t, env.DB, "rows", latest()).Annotations["source"])
	empty := must(env.DB.Search(t.Context(), db.Query{Namespace: "nowhere", Limit: 10}))(t)
	same(t, "an empty page is no nil", true, empty.Items != nil && len(empty.Items) == 0)
}

func searchHostile(t *testing.T, env Env) {
	push(t, env.DB, "default", "target", "1.0.0")
	for _, text := range []string{
		`"`, `'`, `''`, `\`, `target"`, `target'`, `target\`, `target*`, `target:*`, `target:A`, `(target`, `target)`, `target AND`, `NOT target`, `target & | !`,
		`target <-> target`, `{terms} : target`, `^target`, `target +`, `- target`, "target\x00", "target\xff", "%", "_", "target;--", `$1`, "NEAR(target target)",
	} {
		page, err := env.DB.Search(t.Context(), db.Query{Namespace: "*", Text: text, Limit: 5, Facets: true})
		ok(t, err)
		// What is no word is no more than a gap between words.
		words := slices.Compact(db.Words(text))
		switch {
		case len(words) == 0:
			same(t, fmt.Sprintf("%q", text), 0, len(page.Items))
		case slices.Equal(words, []string{"target"}):
			same(t, fmt.Sprintf("%q", text), 1, len(page.Items))
		}
	}
	for _, q := range []db.Query{{Namespace: "de%"}, {Namespace: "Default"}, {Namespace: "*", Layers: []string{"\x00"}}, {Namespace: "*", Sources: []string{"%"}}} {
		q.Limit = 5
		page, err := env.DB.Search(t.Context(), q)
		ok(t, err)
		same(t, fmt.Sprintf("%+v", q), 0, len(page.Items))
	}
	many := strings.Repeat("word ", 33)
	_, err := env.DB.Search(t.Context(), db.Query{Namespace: "*", Text: many, Limit: 5})
	wantKind(t, err, pack.KindInvalid, "")
}

func searchLong(t *testing.T, env Env) {
	x := strings.Repeat("x", 100)
	var readme strings.Builder
	for i := 0; readme.Len() < 60<<10; i++ {
		fmt.Fprintf(&readme, "word%d ", i%1500)
	}
	put(t, env.DB,
		entry{name: "long", display: x, readme: readme.String() + " marker " + strings.Repeat("filler ", 2000) + " beyond"},
		entry{name: "wordy", annotations: map[string]string{"text": strings.Repeat("много слов ", 100_000)}},
	)
	same(t, "a long word", []string{"long"}, found(t, env.DB, db.Query{Text: x}))
	same(t, "a long word cut", []string{"long"}, found(t, env.DB, db.Query{Text: x[:70]}))
	same(t, "the beginning of a long word", []string{"long"}, found(t, env.DB, db.Query{Text: x[:10]}))
	same(t, "within 64 KiB", []string{"long"}, found(t, env.DB, db.Query{Text: "word1499 marker"}))
	same(t, "beyond 64 KiB", []string{}, found(t, env.DB, db.Query{Text: "beyond"}))
	same(t, "a long annotation", []string{"wordy"}, found(t, env.DB, db.Query{Text: "слов"}))
}

func searchUpdated(t *testing.T, env Env) {
	at := func(name, version string, hours int) {
		p := publication("default", name, version, name+version)
		p.Version.PushedAt = pushedAt.Add(time.Duration(hours) * time.Hour)
		publish(t, env.DB, p, db.Created)
	}
	at("first", "2.0.0", 1)
	at("second", "1.0.0", 2)
	at("third", "1.0.0", 3)
	q := db.Query{Sort: db.SortUpdated}
	same(t, "newest first", []string{"third", "second", "first"}, found(t, env.DB, q))
	at("first", "1.0.0", 4) // not its newest version, but its newest push
	same(t, "newest first", []string{"first", "third", "second"}, found(t, env.DB, q))
	ok(t, env.DB.DeleteVersion(t.Context(), "default", "first", "1.0.0", "", "bob"))
	same(t, "newest first", []string{"third", "second", "first"}, found(t, env.DB, q))
	q.Text = "system"
	same(t, "with a text", []string{"third", "second", "first"}, found(t, env.DB, q))
}
