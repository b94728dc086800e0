package palettetest_test

import (
	"fmt"
	"strings"
	"testing"

	"packregistry/internal/palette/palettetest"
)

func TestRefusals(t *testing.T) {
	_, s := fake(t, palettetest.Options{Rate: -1})
	type change = func(spec, auth map[string]any)
	for name, c := range map[string]struct {
		change change
		want   string
	}{
		"an unknown field":        {func(s, _ map[string]any) { s["x"] = 1 }, "unknown field"},
		"an unknown field deep":   {func(_, a map[string]any) { a["tls"].(map[string]any)["cert"] = "" }, "unknown field"},
		"no endpoint":             {func(s, _ map[string]any) { delete(s, "endpoint") }, "endpoint in body is required"},
		"an empty endpoint":       {func(s, _ map[string]any) { s["endpoint"] = "" }, "endpoint in body is required"},
		"no auth":                 {func(s, _ map[string]any) { delete(s, "auth") }, "auth in body is required"},
		"auth of another kind":    {func(_, a map[string]any) { a["type"] = "Basic" }, "auth.type in body should be one of"},
		"no password":             {func(_, a map[string]any) { delete(a, "password") }, "password are required"},
		"no login for packs":      {func(_, a map[string]any) { a["type"] = "noAuth" }, "must be basic"},
		"another provider":        {func(s, _ map[string]any) { s["providerType"] = "spectro" }, "providerType in body should be one of"},
		"packs without sync":      {func(s, _ map[string]any) { s["isSyncSupported"] = false }, "must be true"},
		"no base content path":    {func(s, _ map[string]any) { s["baseContentPath"] = "" }, "baseContentPath is required"},
		"a base with the archive": {func(s, _ map[string]any) { s["baseContentPath"] = "a/spectro-packs/archive" }, "must not contain"},
		"plain HTTP":              {func(s, _ map[string]any) { s["endpoint"] = "http://x" }, "no URL"},
		"a certificate of words":  {func(_, a map[string]any) { a["tls"].(map[string]any)["certificate"] = "x" }, "PEM"},
		"a wrong type":            {func(s, _ map[string]any) { s["isSyncSupported"] = "true" }, "parsing body"},
	} {
		r := call(t, s, "POST", "/v1/registries/oci/basic", ociBody(t, "mine", nil, c.change)).want(400)
		if e := decode[struct{ Code, Message, Ref string }](r); !strings.Contains(e.Message, c.want) || e.Code == "" || e.Ref == "" {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	good := ociBody(t, "mine", nil, nil)
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
	}{
		"no login":             {"GET", "/v1/registries/oci/summary", "", []string{"ApiKey", ""}, 401},
		"a wrong key":          {"GET", "/v1/registries/oci/summary", "", []string{"ApiKey", "x"}, 401},
		"a made up token":      {"GET", "/v1/registries/oci/summary", "", []string{"ApiKey", "", "Authorization", "x"}, 401},
		"a form":               {"POST", "/v1/registries/oci/basic", good, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"no type":              {"POST", "/v1/registries/oci/basic", good, []string{"Content-Type", ""}, 415},
		"two values":           {"POST", "/v1/registries/oci/basic", good + "{}", nil, 400},
		"no JSON":              {"POST", "/v1/registries/oci/basic", "x", nil, 400},
		"no spec":              {"POST", "/v1/registries/oci/basic", `{"metadata":{"name":"x"}}`, nil, 400},
		"an apiVersion":        {"POST", "/v1/registries/oci/basic", strings.Replace(good, "{", `{"apiVersion":"v1",`, 1), nil, 400},
		"no name":              {"POST", "/v1/registries/oci/basic", strings.Replace(good, `"name":"mine"`, `"name":""`, 1), nil, 400},
		"the whole, validated": {"POST", "/v1/registries/oci/basic/validate", good, nil, 400},
		"a parameter":          {"POST", "/v1/registries/oci/basic?skipSync=true", good, nil, 400},
		"a parameter's type":   {"POST", "/v1/registries/oci/basic?skipPackSync=maybe", good, nil, 400},
		"a page too large":     {"GET", "/v1/registries/pack/summary?limit=51", "", nil, 400},
		"a token made up":      {"GET", "/v1/registries/pack/summary?continue=x", "", nil, 400},
		"the list alone":       {"GET", "/v1/registries", "", nil, 404},
		"a wrong method":       {"GET", "/v1/registries/oci/basic", "", nil, 405},
		"an entry not there":   {"GET", "/v1/registries/oci/1/basic", "", nil, 404},
		"a pack not there":     {"GET", "/v1/packs/x/registries/1", "", nil, 404},
		"login with more":      {"POST", "/v1/auth/syslogin", `{"username":"a","password":"b","org":"c"}`, nil, 400},
		"login of nobody":      {"POST", "/v1/auth/authenticate", `{"emailId":"","password":""}`, nil, 401},
	} {
		if r := call(t, s, c.method, c.path, c.body, c.headers...); r.status != c.status || !strings.Contains(r.body, `"code"`) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := call(t, s, "GET", "/v1/registries/oci/summary", ""); !strings.Contains(r.body, `"items":[]`) {
		t.Errorf("something was made: %s", r.body)
	}
}

func TestKindsAreApart(t *testing.T) {
	_, s := fake(t, palettetest.Options{Rate: -1})
	uid := decode[struct{ UID string }](call(t, s, "POST", "/v1/registries/oci/basic?skipPackSync=true", ociBody(t, "mine", nil, nil)).want(201)).UID
	call(t, s, "GET", "/v1/registries/oci/"+uid+"/basic", "").want(200)
	call(t, s, "GET", "/v1/registries/pack/"+uid, "").want(404)
	call(t, s, "POST", "/v1/registries/pack/"+uid+"/sync", "").want(404)
	off := ociBody(t, "mine", nil, func(s, _ map[string]any) { s["isSyncSupported"], s["providerType"] = false, "helm" })
	call(t, s, "PUT", "/v1/registries/oci/"+uid+"/basic", off).want(400)
	call(t, s, "PUT", "/v1/registries/oci/"+uid+"/basic", ociBody(t, "other", nil, nil)).want(400)
	call(t, s, "POST", "/v1/registries/oci/basic", ociBody(t, "mine", nil, nil)).want(409)
	if r := call(t, s, "GET", "/v1/registries/oci/"+uid+"/basic", ""); !strings.Contains(r.body, `"password":"********"`) || !strings.Contains(r.body, `"lastRunTime":"0001-`) {
		t.Errorf("%s", r.body)
	}
}

func TestRate(t *testing.T) {
	_, s := fake(t, palettetest.Options{Rate: 1})
	refused := 0
	for i := range 12 { // 6 at once, and at most one more in every second that this takes
		r := call(t, s, "GET", "/v1/registries/oci/summary", "")
		if r.status == 429 {
			refused++
			if r.header.Get("Retry-After") != "1" {
				t.Errorf("%v", r.header)
			}
		} else if r.status != 200 {
			t.Fatal(fmt.Sprint(i), r.status)
		}
	}
	if refused == 0 {
		t.Error("none of 12 requests was one too many")
	}
}
