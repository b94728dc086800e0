package palette_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path"
	"testing"
	"time"

	"packregistry/internal/pack/packtest"
	"packregistry/internal/palette"
)

// TestRealPacks pushes real packs, every tenth or with REGISTRY_TEST_FULL=1 all, and wants each shown with its values.
func TestRealPacks(t *testing.T) {
	zips := packtest.Every(10, packtest.RealPacks(t))
	ctx, c := context.Background(), newClock()
	p, s := fake(t, c)
	c.wake = func(int) { time.Sleep(10 * time.Millisecond) }
	cl := client(t, s, c, nil)
	reg := startRegistry(t)
	type version struct{ Name, Version string }
	values := map[version]string{}
	for _, file := range zips {
		data := must(os.ReadFile(file))(t)
		var v version
		if err := json.Unmarshal([]byte(reg.do("POST", "/api/v1/packs", data, 201)), &v); err != nil {
			t.Fatal(err)
		}
		values[v] = valuesOf(t, data)
	}
	e := &palette.Entry{
		Kind: palette.KindOCI, Name: "mine", Endpoint: reg.url, BaseContentPath: "default",
		Auth: palette.Auth{Username: "admin", Password: admin, Certificate: reg.ca},
	}
	e.UID = must(cl.Create(ctx, e, true))(t)
	start := time.Now()
	st := must(cl.Run(ctx, e.Kind, e.UID, time.Second))(t)
	if st.State != palette.StateDone || len(p.Problems(e.UID)) != 0 {
		t.Fatalf("%+v", st)
	}
	t.Logf("%d versions read in %v", len(values), time.Since(start).Round(time.Millisecond))
	empty := 0
	for v, want := range values {
		shown := must(cl.Pack(ctx, e.UID, v.Name))(t)
		got, _ := shown.Version(v.Version)
		if got.Values != want {
			t.Errorf("%v: its values are not those of the pack", v)
		}
		hollow := len(bytes.TrimSpace([]byte(want))) == 0
		if hollow {
			empty++
		}
		if !shown.Visible(v.Version, hollow) {
			t.Errorf("%v is not shown", v)
		}
	}
	t.Logf("%d have empty values", empty)
}

// valuesOf is the values.yaml at the pack's root.
func valuesOf(t *testing.T, data []byte) string {
	t.Helper()
	z := must(zip.NewReader(bytes.NewReader(data), int64(len(data))))(t)
	root := ""
	for _, f := range z.File {
		if path.Base(f.Name) == "pack.json" && (root == "" || len(path.Dir(f.Name)) < len(root)) {
			root = path.Dir(f.Name)
		}
	}
	f := must(z.Open(path.Join(root, "values.yaml")))(t)
	defer f.Close()
	return string(must(io.ReadAll(f))(t))
}
