package api

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"packregistry/internal/api/gen"
	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

func names(p gen.SearchPage) []string {
	var out []string
	for _, v := range p.Items {
		out = append(out, v.Name)
	}
	return out
}

func TestSearch(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Prefix = "/hub" })
	push := func(data []byte, query string) {
		h.as("publisher", "POST", "/hub/api/v1/packs"+query, data).want(t, 201)
	}
	push(small("argo-cd", "1.0.0"), "")
	push(small("argo-cd", "2.0.0"), "")
	push(small("calico", "3.0.0", packtest.With("layer", "cni"), packtest.With("cloudTypes", []string{"aws", "gcp"})), "")
	push(small("dex", "1.0.0", packtest.With("addonType", "authentication")), "?namespace=prod")

	search := func(query string) gen.SearchPage {
		t.Helper()
		return decode[gen.SearchPage](t, h.as("reader", "GET", "/hub/api/v1/packs?"+query, nil).want(t, 200))
	}
	for query, want := range map[string][]string{
		"":                         {"argo-cd", "calico"},
		"q=argo":                   {"argo-cd"},
		"q=agro-cd":                {"argo-cd"},
		"layer=cni":                {"calico"},
		"layer=cni&layer=addon":    {"argo-cd", "calico"},
		"layer=cni,addon":          {"argo-cd", "calico"},
		"cloudType=gcp":            {"calico"},
		"namespace=*":              {"argo-cd", "calico", "dex"},
		"namespace=prod":           {"dex"},
		"deprecated=true":          nil,
		"source=community&q=calic": {"calico"},
		"unknown=parameter&q=argo": {"argo-cd"},
	} {
		if got := names(search(query)); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	page := search("q=argo")
	if v := page.Items[0]; v.Version != "2.0.0" || v.Manifest != nil || v.Warnings != nil || page.Total != nil {
		t.Errorf("row %+v, total %v", v, page.Total)
	}
	if page := search("namespace=*&facets=true"); page.Total == nil || *page.Total != 3 || len(page.Facets["layer"]) != 2 {
		t.Errorf("facets %+v", page)
	}

	// Pages, by the link.
	next, seen := "/hub/api/v1/packs?namespace=*&sort=name&limit=1", []string{}
	for next != "" {
		got := h.as("reader", "GET", next, nil).want(t, 200)
		page := decode[gen.SearchPage](t, got)
		seen = append(seen, names(page)...)
		link := got.header.Get("Link")
		if (link == "") != (page.Next == "") || !strings.HasPrefix(link+"</hub/api/v1/packs?", "</hub/api/v1/packs?") {
			t.Fatalf("Link %q, next %q", link, page.Next)
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
	}
	if !slices.Equal(seen, []string{"argo-cd", "calico", "dex"}) {
		t.Errorf("paged: %v", seen)
	}
	for _, bad := range []string{
		"limit=0", "limit=1001", "limit=many", "sort=best", "deprecated=perhaps", "facets=2", "namespace=UPPER",
		"cursor=nonsense", "q=" + strings.Repeat("x", 257), "layer=" + strings.Repeat("x", 300), "cursor=" + strings.Repeat("x", 3000),
	} {
		if got := h.as("reader", "GET", "/hub/api/v1/packs?"+bad, nil); got.status != 400 {
			t.Errorf("%.40s: %d %s", bad, got.status, got.body)
		}
	}
}

func TestPackAndVersions(t *testing.T) {
	h := newHouse(t, nil)
	h.push(small("alpha", "1.0.0"), "")
	v := h.push(small("alpha", "1.1.0"), "")
	p := decode[db.Pack](t, h.as("reader", "GET", "/api/v1/packs/alpha", nil).want(t, 200))
	if p.Latest != "1.1.0" || len(p.Versions) != 2 || p.Versions[0].Version != "1.1.0" {
		t.Errorf("pack %+v", p)
	}
	if got := decode[pack.Version](t, h.as("reader", "GET", "/api/v1/packs/alpha/versions/latest", nil).want(t, 200)); got.Digest != v.Digest || got.Manifest == nil {
		t.Errorf("latest %+v", got)
	}
	h.as("reader", "GET", "/api/v1/packs/beta", nil).want(t, 404, "pack_not_found")
	h.as("reader", "GET", "/api/v1/packs/NO", nil).want(t, 400, "name_invalid")
	h.as("reader", "GET", "/api/v1/packs/alpha?namespace=*", nil).want(t, 400)

	path := "/api/v1/packs/alpha/versions/1.0.0"
	h.as("publisher", "DELETE", path, nil, "If-Match", `"`+string(v.Digest)+`"`).want(t, 412)
	if got := h.as("publisher", "DELETE", path, nil).want(t, 204); got.body != "" || got.header.Get("Content-Type") != "" {
		t.Errorf("204 with %q", got.body)
	}
	h.as("publisher", "DELETE", path, nil).want(t, 404)
	h.as("publisher", "DELETE", "/api/v1/packs/alpha", nil).want(t, 204)
	h.as("reader", "GET", "/api/v1/packs/alpha", nil).want(t, 404)
}

func TestTags(t *testing.T) {
	h := newHouse(t, nil)
	h.push(small("alpha", "1.0.0"), "")
	tag := "/api/v1/packs/alpha/tags/"
	got := decode[pack.Tag](t, h.as("publisher", "PUT", tag+"stable", []byte(`{"version":"1.0.0"}`)).want(t, 200))
	if got != (pack.Tag{Tag: "stable", Version: "1.0.0", Kind: pack.TagCustom}) {
		t.Errorf("tag %+v", got)
	}
	list := decode[gen.TagList](t, h.as("reader", "GET", strings.TrimSuffix(tag, "/"), nil).want(t, 200))
	var all []string
	for _, x := range list.Tags {
		all = append(all, x.Tag+" "+x.Kind)
	}
	if !slices.Equal(all, []string{"1.0.0 version", "1.0.x parent", "1.x parent", "stable custom"}) {
		t.Errorf("tags %v", all)
	}
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/stable", nil).want(t, 200)
	h.as("publisher", "PUT", tag+"1.x", []byte(`{"version":"1.0.0"}`)).want(t, 409, "tag_reserved")
	h.as("publisher", "PUT", tag+"new", []byte(`{"version":"9.0.0"}`)).want(t, 404)
	h.as("publisher", "PUT", tag+"new", []byte(`{}`)).want(t, 400, "version_required")
	h.as("publisher", "PUT", tag+"new", []byte(`nonsense`)).want(t, 400, "body_invalid")
	h.as("publisher", "PUT", tag+"new", nil).want(t, 400, "body_invalid")
	h.as("publisher", "PUT", tag+url.PathEscape("a b"), []byte(`{"version":"1.0.0"}`)).want(t, 400, "tag_invalid")
	h.as("publisher", "DELETE", tag+"1.x", nil).want(t, 409, "tag_derived")
	h.as("publisher", "DELETE", tag+"stable", nil).want(t, 204)
	h.as("publisher", "DELETE", tag+"stable", nil).want(t, 404)
}

// TestTagBody: what a tag points to is a version, told in one JSON value.
func TestTagBody(t *testing.T) {
	h := newHouse(t, nil)
	h.push(small("alpha", "1.0.0"), "")
	for body, code := range map[string]string{
		"":                                      "body_invalid",
		"[]":                                    "body_invalid",
		`{"version":"1.0.0"}x`:                  "body_invalid",
		`{"version":"1.0.0"}{"version":"2"}`:    "body_invalid",
		`{"version":1}`:                         "body_invalid",
		"null":                                  "version_required",
		`{"version":"latest"}`:                  "version_invalid",
		`{"version":"1.0.x"}`:                   "version_invalid",
		`{"version":"stable"}`:                  "version_invalid",
		`{"version":"1.0.0\u0000"}`:             "version_invalid",
		`{"version":"1.0.0\ud800"}`:             "version_invalid",
		`{"version":"sha256:` + sha(nil) + `"}`: "version_invalid",
	} {
		h.as("publisher", "PUT", "/api/v1/packs/alpha/tags/beta", []byte(body)).want(t, 400, `"code":"`+code+`"`)
	}
	h.as("publisher", "PUT", "/api/v1/packs/alpha/tags/beta", []byte(" {\"version\":\"1.0.0\"}\n")).want(t, 200)
}

// TestDeleteByOwnNameOnly: neither a tag nor a digest deletes a version.
func TestDeleteByOwnNameOnly(t *testing.T) {
	h := newHouse(t, nil)
	v := h.push(small("alpha", "1.0.0"), "")
	for _, ref := range []string{"latest", "1.0.x", string(v.Digest)} {
		h.as("publisher", "DELETE", "/api/v1/packs/alpha/versions/"+ref, nil).want(t, 400, "version_invalid")
	}
	h.as("reader", "GET", "/api/v1/packs/alpha/versions/1.0.0", nil).want(t, 200)
}
