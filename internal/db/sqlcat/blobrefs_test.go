package sqlcat_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/db/postgres"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/pack"
	"packregistry/internal/testenv"
)

// TestNoSweepBetweenLookingAndWriting: from the moment a write has seen that a blob is kept until it has its own row, nobody
// takes the blob away, even if what kept it ends meanwhile.
func TestNoSweepBetweenLookingAndWriting(t *testing.T) {
	blob := pack.Digest(sqlcat.BulkDigest("blob", 1))
	l := db.OCILink{Digest: string(blob), Blob: blob, Size: 1}
	m := db.OCIManifest{Digest: string(blob), Blob: blob, Size: 1, MediaType: "m"}
	u := db.OCIUpload{ID: "u", Repo: "r", User: "alice", Offset: 1, Parts: []db.OCILink{l}, Expires: time.Now().Add(time.Hour)}
	for _, w := range []struct {
		name, statement string
		write           func(context.Context, *sqlcat.Catalogue) error
	}{
		{"blob", "INSERT INTO oci_blobs", func(ctx context.Context, c *sqlcat.Catalogue) error { return c.PutOCIBlob(ctx, "to", l, "") }},
		{"manifest", "INSERT INTO oci_manifests", func(ctx context.Context, c *sqlcat.Catalogue) error { return c.PutOCIManifest(ctx, "to", m, nil, "") }},
		{"session", "INSERT INTO oci_upload_parts", func(ctx context.Context, c *sqlcat.Catalogue) error { return c.PutOCIUpload(ctx, u, -1) }},
		{"manifest of a pack", "INSERT INTO pack_manifests", func(ctx context.Context, c *sqlcat.Catalogue) error { return c.SetPackManifest(ctx, 1, m, "") }},
	} {
		t.Run(w.name, func(t *testing.T) {
			eachCatalogue(t, func(t *testing.T, c *sqlcat.Catalogue) {
				ctx := t.Context()
				publishOne(t, c)
				lease, err := c.Lease(ctx, []pack.Digest{blob}, time.Hour)
				if err := errors.Join(err, c.PutOCIBlob(ctx, "from", l, lease), c.Release(ctx, lease)); err != nil {
					t.Fatal(err)
				}
				paused := 0
				err = w.write(ctx, c.Pausing(w.statement, func() {
					paused++
					short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
					defer cancel()
					// SQLite has one writer: there this waits too.
					if err := c.DeleteOCIBlob(short, "from", l.Digest); err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					_, err := c.SweepBlob(short, blob, func(context.Context) error {
						t.Error("the blob is swept")
						return nil
					})
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("the sweep did not wait: %v", err)
					}
				}))
				if err != nil || paused != 1 {
					t.Fatalf("paused %d times, error %v", paused, err)
				}
				if held, err := c.Referenced(ctx, blob); err != nil || !held {
					t.Errorf("held %v, error %v", held, err)
				}
			})
		})
	}
}

// publishOne makes revision 1.
func publishOne(t *testing.T, c *sqlcat.Catalogue) {
	t.Helper()
	zip := pack.Digest(sqlcat.BulkDigest("zip", 1))
	lease, err := c.Lease(t.Context(), []pack.Digest{zip}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := c.Publish(t.Context(), db.Publication{
		Version: pack.Version{Namespace: "default", Name: "p", Version: "1.0.0", Layer: "addon", Digest: zip, ContentDigest: "h1:x", MediaType: "application/zip"},
		Lease:   lease,
	})
	if err != nil || v.RevisionID != 1 {
		t.Fatalf("%+v %v", v, err)
	}
}

// eachCatalogue runs a test with a fresh catalogue in either database.
func eachCatalogue(t *testing.T, test func(t *testing.T, c *sqlcat.Catalogue)) {
	t.Run("sqlite", func(t *testing.T) {
		d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		test(t, d.Catalogue)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		d, err := postgres.Open(t.Context(), testenv.Postgres(t), postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		test(t, d.Catalogue)
	})
}
