package dbtest

import (
	"fmt"
	"testing"

	"packregistry/internal/db"
)

func facetTests() []test {
	return []test{
		{"counts over all that is found", facetCounts},
		{"at most a hundred values", facetMany},
	}
}

func facetCounts(t *testing.T, env Env) {
	for i := range 12 {
		e := entry{
			name: fmt.Sprintf("pack-%02d", i), layer: []string{"addon", "cni"}[i%2], cloudTypes: [][]string{{"aws"}, {"aws", "azure"}, nil}[i%3],
			annotations: map[string]string{"source": []string{"community", "spectrocloud", "other"}[i%3]},
		}
		if i < 6 {
			e.readme = "halfway"
		}
		if i%4 == 0 {
			e.addonType = "monitoring"
		}
		put(t, env.DB, e)
	}
	deprecated := publication("default", "pack-00", "2.0.0", "new")
	deprecated.Version.Deprecated, deprecated.Version.Layer = true, "csi" // not the newest: it is deprecated
	publish(t, env.DB, deprecated, db.Created)
	for _, tc := range []struct {
		q     db.Query
		total int
		want  map[string][]db.FacetValue
	}{
		{db.Query{Limit: 1}, 12, map[string][]db.FacetValue{
			"layer":      {{Value: "addon", Count: 6}, {Value: "cni", Count: 6}},
			"addonType":  {{Value: "monitoring", Count: 3}},
			"cloudType":  {{Value: "aws", Count: 8}, {Value: "azure", Count: 4}},
			"source":     {{Value: "community", Count: 4}, {Value: "other", Count: 4}, {Value: "spectrocloud", Count: 4}},
			"deprecated": {{Value: "false", Count: 12}},
		}},
		{db.Query{Limit: 1, Text: "halfway", Layers: []string{"cni"}}, 3, map[string][]db.FacetValue{
			"layer":      {{Value: "cni", Count: 3}},
			"addonType":  {},
			"cloudType":  {{Value: "aws", Count: 2}, {Value: "azure", Count: 1}},
			"source":     {{Value: "community", Count: 1}, {Value: "other", Count: 1}, {Value: "spectrocloud", Count: 1}},
			"deprecated": {{Value: "false", Count: 3}},
		}},
		{db.Query{Limit: 1, Text: "nothing"}, 0, map[string][]db.FacetValue{
			"layer": {}, "addonType": {}, "cloudType": {}, "source": {}, "deprecated": {},
		}},
	} {
		tc.q.Namespace, tc.q.Facets = "*", true
		for pages := 0; ; pages++ {
			page := must(env.DB.Search(t.Context(), tc.q))(t)
			same(t, fmt.Sprintf("facets of %+v", tc.q), tc.want, page.Facets)
			same(t, fmt.Sprintf("total of %+v", tc.q), tc.total, page.Total)
			same(t, "estimated", false, page.Estimated)
			if tc.q.Cursor = page.Next; tc.q.Cursor == "" || pages == 2 {
				break
			}
		}
	}
}

func facetMany(t *testing.T, env Env) {
	for i := range 105 {
		e := entry{name: fmt.Sprintf("p%03d", i), layer: fmt.Sprintf("layer-%03d", i)}
		if i == 104 {
			e.layer = "layer-103"
		}
		put(t, env.DB, e)
	}
	page := must(env.DB.Search(t.Context(), db.Query{Namespace: "*", Limit: 1, Facets: true}))(t)
	layers := page.Facets["layer"]
	same(t, "values", 100, len(layers))
	same(t, "the most frequent first", db.FacetValue{Value: "layer-103", Count: 2}, layers[0])
	same(t, "then by value", db.FacetValue{Value: "layer-000", Count: 1}, layers[1])
}
