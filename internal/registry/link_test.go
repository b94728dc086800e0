package registry_test

import (
	"io"
	"net/http"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/storage/storagetest"
)

// linking gives out addresses of what is in the store.
func linking(t testing.TB) change {
	return func(c *registry.Config) { c.Linker = storagetest.NewLinks(t, c.Store) }
}

// TestLinksOfBlobs: an archive that lies in the store as it is has an address; what is made on the way has none.
func TestLinksOfBlobs(t *testing.T) {
	e := embedded(t, linking(t))
	zip, tarGz := packtest.PackZip("web", "1.0.0"), packtest.PackTarGz("api", "1.0.0")
	uploaded, packed := e.publish(upload(zip), db.Created), e.publish(upload(tarGz), db.Created)
	for _, c := range []struct {
		name   string
		v      *pack.Version
		format pack.Format
		linked bool
	}{
		{"a zip", uploaded, pack.FormatZip, true},
		{"the tar.gz made of it", uploaded, pack.FormatTarGz, false},
		{"a tar.gz", packed, pack.FormatTarGz, true},
		{"the zip written of it", packed, pack.FormatZip, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			content, err := e.Archive(t.Context(), c.v, c.format)
			if err != nil {
				t.Fatal(err)
			}
			if (content.Link != nil) != c.linked {
				t.Fatalf("an address: %v, want %v", content.Link != nil, c.linked)
			}
			if !c.linked {
				return
			}
			address, err := content.Link(t.Context(), content.MediaType, "attachment")
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.Get(address)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil || storagetest.Digest(got) != content.Digest || int64(len(got)) != content.Size || resp.Header.Get("Content-Type") != content.MediaType {
				t.Errorf("%s, %d bytes, %v", resp.Status, len(got), err)
			}
		})
	}
	file, err := e.File(t.Context(), uploaded, "values.yaml")
	if err != nil || file.Link != nil {
		t.Errorf("a file of an archive has an address, %v", err)
	}
}

func TestNoLinksUnlessWanted(t *testing.T) {
	e := embedded(t)
	v := e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	if c, err := e.Archive(t.Context(), v, pack.FormatZip); err != nil || c.Link != nil {
		t.Errorf("an address, %v", err)
	}
}

// TestNoLinkToALostBlob: the same is told as where the bytes come through this server.
func TestNoLinkToALostBlob(t *testing.T) {
	e := embedded(t, linking(t))
	v := e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	if err := e.store.Delete(t.Context(), v.Digest); err != nil {
		t.Fatal(err)
	}
	c, err := e.Archive(t.Context(), v, pack.FormatZip)
	if err != nil {
		t.Fatal(err)
	}
	address, err := c.Link(t.Context(), "", "")
	wantKind(t, err, pack.KindCorrupt, "")
	if address != "" {
		t.Errorf("an address %q all the same", address)
	}
	if err := e.DeletePack(t.Context(), ns, "web", "tester"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Link(t.Context(), "", "")
	wantKind(t, err, pack.KindNotFound, "")
}
