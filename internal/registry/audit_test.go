package registry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/db"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
)

// TestEachWriteIsAudited: what happened, and only that, with who did it.
func TestEachWriteIsAudited(t *testing.T) {
	var log bytes.Buffer
	e := embedded(t, func(c *registry.Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	body := packtest.PackZip("web", "1.0.0")
	e.publish(upload(body), db.Created)
	e.publish(upload(body), db.Same)
	if _, err := e.Publish(t.Context(), upload(packtest.PackZip("web", "1.0.0", packtest.File("a", "b")))); err == nil {
		t.Fatal("no conflict")
	}
	other := packtest.PackZip("web", "1.0.0", packtest.File("a", "b"))
	e.publish(forced(other), db.Replaced)
	for _, write := range []func() error{
		func() error { return e.SetTag(t.Context(), ns, "web", "stable", "1.0.0", "ann") },
		func() error { return e.DeleteTag(t.Context(), ns, "web", "stable", "ann") },
		func() error { return e.DeleteVersion(t.Context(), ns, "web", "1.0.0", "", "ann") },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.DeletePack(t.Context(), ns, "web", "ann"); err == nil {
		t.Fatal("deleted what was not there")
	}
	want := [][5]string{
		{"publish", "tester", "web", "1.0.0", string(digest(body))},
		{"publish", "tester", "web", "1.0.0", string(digest(other))},
		{"tag.set", "ann", "web", "1.0.0", ""},
		{"tag.delete", "ann", "web", "", ""},
		{"version.delete", "ann", "web", "1.0.0", string(digest(other))},
	}
	var got [][5]string
	for d := json.NewDecoder(&log); d.More(); {
		var l struct{ Msg, Action, By, Namespace, Name, Version, Digest string }
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Msg != "audit" || l.Namespace != ns {
			t.Errorf("line %+v", l)
		}
		got = append(got, [5]string{l.Action, l.By, l.Name, l.Version, l.Digest})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}
