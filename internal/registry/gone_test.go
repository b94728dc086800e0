package registry_test

import (
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// A version that is deleted between resolving and reading is not found, not empty
// and not corrupt; when the same bytes come back meanwhile, they are read.
func TestDeletedBetweenResolvingAndReading(t *testing.T) {
	both(t, func(t *testing.T, open func(t testing.TB, changes ...change) *env) {
		e := open(t)
		body := packtest.PackZip("web", "1.0.0")
		v := e.publish(upload(body), db.Created)
		want := e.fetch(v, pack.FormatTarGz)
		if err := e.DeleteVersion(t.Context(), ns, "web", "1.0.0", "", "tester"); err != nil {
			t.Fatal(err)
		}
		_, err := e.Files(t.Context(), v)
		wantKind(t, err, pack.KindNotFound, "")
		c, err := e.Archive(t.Context(), v, pack.FormatTarGz)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Open(t.Context(), 0, -1)
		wantKind(t, err, pack.KindNotFound, "")

		e.publish(upload(body), db.Created)
		if got := e.fetch(v, pack.FormatTarGz); string(got) != string(want) {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	})
}
