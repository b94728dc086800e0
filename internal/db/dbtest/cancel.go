package dbtest

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func cancelTests() []test {
	return []test{
		{"every method", cancelEvery},
		{"a waiting one ends, and nothing stays locked", cancelWaiting},
		{"closed", cancelClosed},
	}
}

// calls are all methods that ask the database.
func calls(d db.DB) map[string]func(context.Context) error {
	p := publication("default", "called", "1.0.0", "called")
	account := db.Account{Name: "a", Hash: "h", Role: "admin"}
	all := map[string]func(context.Context) error{
		"Ping":          d.Ping,
		"SchemaVersion": func(ctx context.Context) error { _, _, err := d.SchemaVersion(ctx); return err },
		"Resolve":       func(ctx context.Context) error { _, err := d.Resolve(ctx, "default", "there", latest()); return err },
		"ContentDigest": func(ctx context.Context) error {
			_, err := d.ContentDigest(ctx, "default", "there", "1.0.0")
			return err
		},
		"Pack": func(ctx context.Context) error { _, err := d.Pack(ctx, "default", "there"); return err },
		"Search": func(ctx context.Context) error {
			_, err := d.Search(ctx, db.Query{Namespace: "*", Text: "there", Limit: 1, Facets: true})
			return err
		},
		"Files": func(ctx context.Context) error { _, err := d.Files(ctx, 1); return err },
		"File":  func(ctx context.Context) error { _, err := d.File(ctx, 1, "pack.json"); return err },
		"FileBySHA256": func(ctx context.Context) error {
			_, _, err := d.FileBySHA256(ctx, "default", "there", hexOf("there1.0.0"))
			return err
		},
		"Names":   func(ctx context.Context) error { _, err := d.Names(ctx, "*"); return err },
		"Publish": func(ctx context.Context) error { _, _, err := d.Publish(ctx, p); return err },
		"DeleteVersion": func(ctx context.Context) error {
			return d.DeleteVersion(ctx, "default", "there", "1.0.0", "", "bob")
		},
		"DeletePack":     func(ctx context.Context) error { return d.DeletePack(ctx, "default", "there", "bob") },
		"SetTag":         func(ctx context.Context) error { return d.SetTag(ctx, "default", "there", "stable", "1.0.0", "bob") },
		"DeleteTag":      func(ctx context.Context) error { return d.DeleteTag(ctx, "default", "there", "stable", "bob") },
		"PruneRevisions": func(ctx context.Context) error { _, err := d.PruneRevisions(ctx, pushedAt); return err },
		"Head":           func(ctx context.Context) error { _, err := d.Head(ctx); return err },
		"Changes":        func(ctx context.Context) error { _, _, err := d.Changes(ctx, db.Mark{}, "*", 1); return err },
		"EachChange": func(ctx context.Context) error {
			_, err := d.EachChange(ctx, db.Mark{}, "*", 1, func(*pack.Change) {})
			return err
		},
		"SnapshotSince": func(ctx context.Context) error {
			_, _, err := d.SnapshotSince(ctx, db.Mark{Seq: 1, Mark: "x"}, 1, func(*pack.Version) error { return nil })
			return err
		},
		"Snapshot": func(ctx context.Context) error {
			_, err := d.Snapshot(ctx, "*", func(*pack.Version) error { return nil })
			return err
		},
		"Lease":   func(ctx context.Context) error { _, err := d.Lease(ctx, digests(p), ttl); return err },
		"Release": func(ctx context.Context) error { return d.Release(ctx, "x") },
		"SweepBlob": func(ctx context.Context) error {
			_, err := d.SweepBlob(ctx, digestOf("x"), func(context.Context) error { return nil })
			return err
		},
		"BlobRefs":           func(ctx context.Context) error { return d.BlobRefs(ctx, func(db.BlobRef) error { return nil }) },
		"Referenced":         func(ctx context.Context) error { _, err := d.Referenced(ctx, digestOf("x")); return err },
		"Extend":             func(ctx context.Context) error { return d.Extend(ctx, "x", digests(p), ttl) },
		"ListAccounts":       func(ctx context.Context) error { _, err := d.ListAccounts(ctx); return err },
		"PutAccount":         func(ctx context.Context) error { return d.PutAccount(ctx, account) },
		"CreateFirstAccount": func(ctx context.Context) error { _, err := d.CreateFirstAccount(ctx, account); return err },
		"DeleteAccount":      func(ctx context.Context) error { return d.DeleteAccount(ctx, "a") },
	}
	maps.Copy(all, ociCalls(d))
	return all
}

// ociCalls are those of db.OCI.
func ociCalls(d db.OCI) map[string]func(context.Context) error {
	m, digest := manifest("called"), digestStr("called")
	u := db.OCIUpload{ID: "u", Repo: "r", User: "alice", Expires: pushedAt}
	return map[string]func(context.Context) error{
		"PutOCIBlob":          func(ctx context.Context) error { return d.PutOCIBlob(ctx, "r", link("called"), "x") },
		"OCIBlob":             func(ctx context.Context) error { _, err := d.OCIBlob(ctx, "r", digest); return err },
		"DeleteOCIBlob":       func(ctx context.Context) error { return d.DeleteOCIBlob(ctx, "r", digest) },
		"PruneOCIBlobs":       func(ctx context.Context) error { _, err := d.PruneOCIBlobs(ctx, pushedAt); return err },
		"PutOCIManifest":      func(ctx context.Context) error { return d.PutOCIManifest(ctx, "r", m, nil, "x") },
		"OCIManifest":         func(ctx context.Context) error { _, err := d.OCIManifest(ctx, "r", "t"); return err },
		"DeleteOCIManifest":   func(ctx context.Context) error { return d.DeleteOCIManifest(ctx, "r", digest) },
		"DeleteOCITag":        func(ctx context.Context) error { return d.DeleteOCITag(ctx, "r", "t") },
		"OCITags":             func(ctx context.Context) error { _, err := d.OCITags(ctx, "r", 1, ""); return err },
		"OCIReferrers":        func(ctx context.Context) error { _, err := d.OCIReferrers(ctx, "r", digest, "", "", 0); return err },
		"OCIRepositories":     func(ctx context.Context) error { _, err := d.OCIRepositories(ctx, 1, ""); return err },
		"DeleteOCIRepository": func(ctx context.Context) error { return d.DeleteOCIRepository(ctx, "r") },
		"PutOCIUpload":        func(ctx context.Context) error { return d.PutOCIUpload(ctx, u, -1) },
		"OCIUpload":           func(ctx context.Context) error { _, err := d.OCIUpload(ctx, "u"); return err },
		"DeleteOCIUpload":     func(ctx context.Context) error { return d.DeleteOCIUpload(ctx, "u") },
		"PruneOCIUploads":     func(ctx context.Context) error { _, err := d.PruneOCIUploads(ctx); return err },
		"PackManifest": func(ctx context.Context) error {
			_, err := d.PackManifest(ctx, "default", "there", "1.0.0")
			return err
		},
		"VersionManifests": func(ctx context.Context) error {
			_, err := d.VersionManifests(ctx, "default", "there", "1.0.0")
			return err
		},
		"FirstPackManifest":  func(ctx context.Context) error { _, err := d.FirstPackManifest(ctx, 1, m, "x"); return err },
		"SetPackManifest":    func(ctx context.Context) error { return d.SetPackManifest(ctx, 1, m, "x") },
		"DeletePackManifest": func(ctx context.Context) error { return d.DeletePackManifest(ctx, "default", "there", digest) },
		"PackBlob":           func(ctx context.Context) error { _, err := d.PackBlob(ctx, "default", "there", digest); return err },
		"PackRepositories":   func(ctx context.Context) error { _, err := d.PackRepositories(ctx); return err },
	}
}

func cancelEvery(t *testing.T, env Env) {
	v := push(t, env.DB, "default", "there", "1.0.0")
	head := must(env.DB.Head(t.Context()))(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	for name, call := range calls(env.DB) {
		if err := call(cancelled); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", name, err)
		}
		if err := call(late); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, too late: %v", name, err)
		}
	}
	same(t, "head", head, must(env.DB.Head(t.Context()))(t))
	same(t, "what was there", v.Digest, resolve(t, env.DB, "there", latest()).Digest)
	push(t, env.DB, "default", "there", "2.0.0")
}

// A sweep holds the row of a blob: a lease of it has to wait, and may give up.
func cancelWaiting(t *testing.T, env Env) {
	other := env.Reopen(t)
	blob := digestOf("swept")
	_, err := env.DB.SweepBlob(t.Context(), blob, func(context.Context) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := other.Lease(ctx, []pack.Digest{blob}, ttl)
		if err == nil {
			t.Error("a lease did not wait for the sweep that holds its blob")
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the wait ended in %v", err)
		}
		return nil
	})
	ok(t, err)
	must(other.Lease(t.Context(), []pack.Digest{blob}, ttl))(t)
	push(t, other, "default", "after", "1.0.0")
}

func cancelClosed(t *testing.T, env Env) {
	other := env.Reopen(t)
	push(t, other, "default", "there", "1.0.0")
	ok(t, other.Close())
	for name, call := range calls(other) {
		if err := call(t.Context()); !pack.IsKind(err, pack.KindUnavailable) {
			t.Errorf("%s, closed: %v", name, err)
		}
	}
	resolve(t, env.DB, "there", latest())
}
