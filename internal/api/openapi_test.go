package api

import (
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type operation struct {
	OperationID string `json:"operationId"`
	Security    *[]any
	Responses   map[string]any
	Parameters  []parameter
}

type parameter struct {
	Ref      string `json:"$ref"`
	Name, In string
}

// specOf is the document as it is served.
func specOf(t *testing.T, s *server) []byte {
	t.Helper()
	d, err := s.spec()
	if err != nil {
		t.Fatal(err)
	}
	return d.json
}

// documented reads the document as a client gets it: path -> method -> operation.
func documented(t *testing.T, s *server) map[string]map[string]json.RawMessage {
	t.Helper()
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(specOf(t, s), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("openapi %q", doc.OpenAPI)
	}
	return doc.Paths
}

// TestDocumentAndRouterAgree walks both ways.
func TestDocumentAndRouterAgree(t *testing.T) {
	s := bare(t, nil)
	paths := documented(t, s)
	routes := map[string]bool{}
	for _, r := range walk(t, s) {
		path := strings.TrimSuffix(r.pattern, "*")
		if path != r.pattern {
			path += "{path}"
		}
		routes[strings.ToLower(r.method)+" "+path] = true
		if _, ok := paths[path][strings.ToLower(r.method)]; !ok {
			t.Errorf("%s %s is a route and not in the document", r.method, r.pattern)
		}
	}
	ids := map[string]bool{}
	for path, item := range paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			if !routes[method+" "+path] {
				t.Errorf("%s %s is in the document and no route", method, path)
			}
			var op operation
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s %s: operationId %q is missing or repeated", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			checkSecurity(t, s, method, path, op)
			checkPathParameters(t, path, op, item["parameters"])
		}
	}
}

// checkSecurity holds the document against the access table.
func checkSecurity(t *testing.T, s *server, method, path string, op operation) {
	if method == "head" {
		method = "get"
	}
	row, ok := s.rules[keyOf(strings.ToUpper(method), strings.Replace(path, "{path}", "*", 1))]
	if !ok {
		t.Errorf("%s %s: no row", method, path)
	}
	free := op.Security != nil && len(*op.Security) == 0
	if free != (row.anonymous == open) {
		t.Errorf("%s %s: the document says free=%v, the table %v", method, path, free, row.anonymous)
	}
	for _, status := range []string{"401", "403", "429"} {
		if _, ok := op.Responses[status]; ok == free {
			t.Errorf("%s %s: response %s documented: %v", method, path, status, ok)
		}
	}
}

// checkPathParameters wants each {name} of a path described.
func checkPathParameters(t *testing.T, path string, op operation, shared json.RawMessage) {
	t.Helper()
	all := op.Parameters
	if shared != nil {
		var more []parameter
		if err := json.Unmarshal(shared, &more); err != nil {
			t.Fatal(err)
		}
		all = append(all, more...)
	}
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
		ref := "#/components/parameters/" + strings.ToUpper(m[1][:1]) + m[1][1:]
		if !slices.ContainsFunc(all, func(p parameter) bool { return p.Ref == ref || (p.Name == m[1] && p.In == "path") }) {
			t.Errorf("%s: the path parameter %s is not described", path, m[1])
		}
	}
}

// TestReferencesResolve finds pointers into nothing.
func TestReferencesResolve(t *testing.T) {
	s := bare(t, nil)
	var doc map[string]any
	if err := json.Unmarshal(specOf(t, s), &doc); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`"\$ref":"#/([^"]+)"`).FindAllStringSubmatch(string(specOf(t, s)), -1) {
		used[m[1]] = true
		var at any = doc
		for part := range strings.SplitSeq(m[1], "/") {
			at = at.(map[string]any)[part]
		}
		if at == nil {
			t.Errorf("#/%s is referred to and not there", m[1])
		}
	}
	for kind, all := range doc["components"].(map[string]any) {
		for name := range all.(map[string]any) {
			if kind != "securitySchemes" && !used["components/"+kind+"/"+name] {
				t.Errorf("components/%s/%s is not used", kind, name)
			}
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	ts := httptest.NewServer(bare(t, func(c *Config) { c.Version, c.Prefix = "9.9", "/packs" }).handler())
	defer ts.Close()
	got := ask(t, ts, "", "GET", "/packs/api/v1/openapi.json", nil).want(t, 200, `"version":"9.9"`, `"servers":[{"url":"/packs"}]`)
	ask(t, ts, "", "GET", "/packs/api/v1/openapi.json", nil, "If-None-Match", got.header.Get("ETag")).want(t, 304)
	ask(t, ts, "", "GET", "/api/v1/openapi.json", nil).want(t, 404, "under /packs/")
}
