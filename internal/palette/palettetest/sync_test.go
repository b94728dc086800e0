package palettetest_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/pack/packtest"
	"packregistry/internal/palette/palettetest"

	"github.com/google/go-cmp/cmp"
)

const prefix = "default/spectro-packs/archive/"

// layer is a pack as an author's tar -czf of its folder makes it.
func layer(name, version string, opts ...packtest.Option) []byte {
	return packtest.TarGz(packtest.Pack(name, version, opts...), "some-folder")
}

func TestSyncShowsGoodPacksOnly(t *testing.T) {
	p, s := fake(t, palettetest.Options{Rate: -1})
	reg, from := newTiny(t)
	reg.push(t, prefix+"good", "1.0.0", layer("good", "1.0.0", packtest.File("values.yaml", "a: 1\n")), nil)
	reg.push(t, prefix+"good", "1.1.0", layer("good", "1.1.0", packtest.File("values.yaml", "")), nil)
	reg.push(t, "other/spectro-packs/archive/elsewhere", "1.0.0", layer("elsewhere", "1.0.0"), nil)
	bad := map[string]struct {
		layer  []byte
		change func(m, l map[string]any)
		want   string
	}{
		"title": {layer("title", "1.0.0"), func(_, l map[string]any) {
			l["annotations"] = map[string]string{"org.opencontainers.image.title": "x/title-1.0.0.tar.gz"}
		}, "title is"},
		"untitled": {layer("untitled", "1.0.0"), func(_, l map[string]any) { delete(l, "annotations") }, "title is"},
		"name":     {layer("other", "1.0.0"), nil, `pack.json names "other"`},
		"tag":      {layer("tag", "1.0.1"), nil, `pack.json has version "1.0.1"`},
		"layers":   {layer("layers", "1.0.0"), func(m, l map[string]any) { m["layers"] = []any{l, l} }, "2 layers"},
		"oci11":    {layer("oci11", "1.0.0"), func(m, _ map[string]any) { m["artifactType"] = "application/x" }, "OCI 1.1"},
		"config": {layer("config", "1.0.0"), func(m, _ map[string]any) {
			m["config"].(map[string]any)["mediaType"] = "application/vnd.oci.empty.v1+json"
		}, "OCI 1.1"},
		"mediatype": {layer("mediatype", "1.0.0"), func(_, l map[string]any) { l["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip" }, "media type"},
		"size":      {layer("size", "1.0.0"), func(_, l map[string]any) { l["size"] = 3 }, "bytes"},
		"gone":      {layer("gone", "1.0.0"), func(_, l map[string]any) { l["digest"] = digest([]byte("gone")) }, "404"},
		"root":      {packtest.TarGz(packtest.Pack("root", "1.0.0"), ""), nil, "root of the archive"},
		"empty":     {packtest.TarGz(nil, "x"), nil, "no pack.json"},
		"valueless": {packtest.TarGz(map[string]string{"pack.json": "{}"}, "x"), nil, "no values.yaml"},
		"text":      {[]byte("text"), nil, "no gzip"},
		"layerless": {layer("layerless", "1.0.0", packtest.With("layer", "x")), nil, "layer"},
	}
	for name, b := range bad {
		reg.push(t, prefix+name, "1.0.0", b.layer, b.change)
	}
	uid := decode[struct{ UID string }](call(t, s, "POST", "/v1/registries/oci/basic", ociBody(t, "mine", from, nil)).want(201)).UID
	if st := settled(t, p, s, uid, 1); st.Status != "Completed" || strings.HasPrefix(st.LastSyncedTime, "0001") {
		t.Errorf("%+v", st)
	}
	if d := cmp.Diff(map[string]string{"1.0.0": "a: 1\n", "1.1.0": ""}, shown(t, s, uid, "good")); d != "" {
		t.Error(d)
	}
	problems := strings.Join(p.Problems(uid), "\n")
	for name, b := range bad {
		if got := shown(t, s, uid, name); got != nil {
			t.Errorf("%s is shown: %v", name, got)
		}
		found := false
		for _, line := range p.Problems(uid) {
			found = found || (strings.HasPrefix(line, prefix+name+":1.0.0: ") && strings.Contains(line, b.want))
		}
		if !found {
			t.Errorf("%s: no problem with %q in\n%s", name, b.want, problems)
		}
	}
	if shown(t, s, uid, "elsewhere") != nil {
		t.Error("what lies below another base is shown")
	}
}

func TestSyncFails(t *testing.T) {
	p, s := fake(t, palettetest.Options{Rate: -1})
	reg, from := newTiny(t)
	reg.push(t, prefix+"good", "1.0.0", layer("good", "1.0.0"), nil)
	runs := 0
	uid := ""
	for _, c := range []struct {
		name   string
		change func(spec, auth map[string]any)
		prep   func()
		want   string
	}{
		{"nobody", func(s, _ map[string]any) { s["endpoint"] = "https://127.0.0.1:1" }, nil, "refused"},
		{"not trusted", func(_, a map[string]any) { a["tls"] = map[string]any{"enabled": true} }, nil, "certificate"},
		{"password", func(_, a map[string]any) { a["password"] = "x" }, nil, "401"},
		{"pages", nil, func() { reg.link = "</v2/_catalog?last=x>; rel=next" }, "goes on"},
		{"catalogue", nil, func() { reg.link = ""; reg.set("/v2/_catalog", []byte(`{"repositories":{}}`)) }, "_catalog"},
	} {
		if c.prep != nil {
			c.prep()
		}
		body := ociBody(t, "mine", from, c.change)
		if uid == "" {
			uid = decode[struct{ UID string }](call(t, s, "POST", "/v1/registries/oci/basic", body).want(201)).UID
		} else {
			call(t, s, "PUT", "/v1/registries/oci/"+uid+"/basic", body).want(204)
			call(t, s, "POST", "/v1/registries/oci/"+uid+"/basic/sync", "").want(202)
		}
		runs++
		if st := settled(t, p, s, uid, runs); st.Status != "Failed" || !strings.Contains(st.Message, c.want) {
			t.Errorf("%s: %+v", c.name, st)
		}
		if c.prep == nil {
			spec := ociSpecOf(t, body)
			call(t, s, "POST", "/v1/registries/oci/basic/validate", spec).want(400)
		}
	}
	reg.push(t, prefix+"good", "1.0.0", layer("good", "1.0.0"), nil) // mends the catalogue
	for _, change := range []func(spec, auth map[string]any){
		nil,
		// Skipping wins over a certificate, and an address may end in / and /v2.
		func(s, a map[string]any) {
			a["tls"] = map[string]any{"enabled": true, "insecureSkipVerify": true}
			s["endpoint"] = from.URL + "/v2/"
		},
		func(s, _ map[string]any) { s["endpoint"] = strings.TrimPrefix(from.URL, "https://") },
	} {
		body := ociBody(t, "mine", from, change)
		call(t, s, "POST", "/v1/registries/oci/basic/validate", ociSpecOf(t, body)).want(204)
		call(t, s, "PUT", "/v1/registries/oci/"+uid+"/basic", body).want(204)
		call(t, s, "POST", "/v1/registries/oci/"+uid+"/basic/sync", "").want(202)
		runs++
		if st := settled(t, p, s, uid, runs); st.Status != "Completed" {
			t.Errorf("%+v", st)
		}
	}
}

func ociSpecOf(t *testing.T, body string) string {
	t.Helper()
	whole := decode[map[string]any](reply{t: t, body: body})
	return string(encode(t, whole["spec"]))
}

func TestFaultsOfSyncs(t *testing.T) {
	var hours atomic.Int64
	p, s := fake(t, palettetest.Options{Rate: -1, Now: func() time.Time { return time.Now().Add(time.Duration(hours.Load()) * time.Hour) }})
	reg, from := newTiny(t)
	for _, v := range []string{"1.0.0", "1.1.0", "1.2.0"} {
		reg.push(t, prefix+"good", v, layer("good", v, packtest.File("values.yaml", "v: "+v)), nil)
	}
	uid := decode[struct{ UID string }](call(t, s, "POST", "/v1/registries/oci/basic?skipPackSync=true", ociBody(t, "mine", from, nil)).want(201)).UID
	sync := func(query string) { call(t, s, "POST", "/v1/registries/oci/"+uid+"/basic/sync"+query, "").want(202) }

	p.Fail(palettetest.Faults{SyncStops: 2})
	sync("")
	if st := settled(t, p, s, uid, 1); st.Status != "Failed" || len(shown(t, s, uid, "good")) != 2 {
		t.Errorf("half a sync: %+v, %v", st, shown(t, s, uid, "good"))
	}
	call(t, s, "POST", "/-/faults", `{"syncHangs":true}`).want(204)
	sync("")
	p.Fail(palettetest.Faults{})
	sync("")                // is lost
	sync("?forceSync=true") // too early
	if st := settled(t, p, s, uid, 1); st.Status != "InProgress" {
		t.Errorf("a hanging sync: %+v", st)
	}
	hours.Store(2)
	sync("?forceSync=true")
	if st := settled(t, p, s, uid, 2); st.Status != "Completed" || len(shown(t, s, uid, "good")) != 3 {
		t.Errorf("forced: %+v", st)
	}
	reg.drop("/v2/" + prefix + "good/manifests/1.1.0")
	reg.push(t, prefix+"late", "1.0.0", layer("late", "1.0.0", packtest.File("values.yaml", "a: 1")), nil)
	p.Fail(palettetest.Faults{EmptyValues: true})
	p.Daily()
	if st := settled(t, p, s, uid, 3); st.Status != "Completed" || shown(t, s, uid, "late")["1.0.0"] != "" {
		t.Errorf("%+v, %v", st, shown(t, s, uid, "late"))
	}
	if d := cmp.Diff(map[string]string{"1.0.0": "v: 1.0.0", "1.2.0": "v: 1.2.0"}, shown(t, s, uid, "good")); d != "" {
		t.Error(d)
	}
	p.Fail(palettetest.Faults{})
	p.Daily()
	settled(t, p, s, uid, 4)
	if shown(t, s, uid, "late")["1.0.0"] != "a: 1" {
		t.Error("the next sync does not mend empty values")
	}
}

func TestPins(t *testing.T) {
	p, s := fake(t, palettetest.Options{Rate: -1})
	reg, from := newTiny(t)
	old := reg.push(t, prefix+"good", "1.0.0", layer("good", "1.0.0"), nil)
	uid := decode[struct{ UID string }](call(t, s, "POST", "/v1/registries/oci/basic", ociBody(t, "mine", from, nil)).want(201)).UID
	settled(t, p, s, uid, 1)
	reg.push(t, prefix+"good", "1.0.0", layer("good", "1.0.0", packtest.File("x", "y")), nil)
	p.Daily()
	settled(t, p, s, uid, 2)
	ctx := context.Background()
	if err := p.Fetch(ctx, uid, "good", "1.0.0"); err != nil {
		t.Errorf("both digests are there: %v", err)
	}
	call(t, s, "POST", "/-/fetch", `{"uid":"`+uid+`","name":"good","version":"1.0.0"}`).want(204)
	reg.drop("/v2/" + prefix + "good/manifests/" + old)
	if err := p.Fetch(ctx, uid, "good", "1.0.0"); err == nil || !strings.Contains(err.Error(), "not found") || !strings.Contains(err.Error(), old) {
		t.Errorf("the old digest is gone: %v", err)
	}
	if err := p.Fetch(ctx, uid, "good", "2.0.0"); err == nil {
		t.Error("a version never seen was fetched")
	}
	if r := call(t, s, "GET", "/-/registries", ""); !strings.Contains(r.body, "good 1.0.0") {
		t.Error(r.body)
	}
}

func TestLegacyShowsNames(t *testing.T) {
	p, s := fake(t, palettetest.Options{Rate: -1})
	reg, from := newTiny(t)
	reg.set("/health", []byte(`{"status":"UP"}`))
	reg.set("/v1/_catalog", []byte(`{"repositories":["a","b"]}`))
	body := `{"metadata":{"name":"mine"},"spec":{"name":"mine","private":false,"endpoint":"` + from.URL + `","auth":{"type":"basic","username":"palette","password":"pw","tls":{"enabled":true,"insecureSkipVerify":true}}}}`
	uid := decode[struct{ UID string }](call(t, s, "POST", "/v1/registries/pack", body).want(201)).UID
	for p.Finished(uid) < 1 {
		time.Sleep(5 * time.Millisecond)
	}
	if st := decode[syncStatus](call(t, s, "GET", "/v1/registries/pack/"+uid+"/sync/status", "").want(200)); st.Status != "Completed" {
		t.Errorf("%+v", st)
	}
	if got := shown(t, s, uid, "a"); got == nil || len(got) != 0 {
		t.Errorf("%v", got)
	}
	if shown(t, s, uid, "c") != nil {
		t.Error("a pack that is not in the catalogue is shown")
	}
}
