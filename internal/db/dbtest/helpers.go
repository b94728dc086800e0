package dbtest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// ttl is a lease that does not end during a test.
const ttl = time.Hour

// pushedAt is when the packs of the suite are pushed, unless a test says otherwise.
var pushedAt = time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC) // never changed

// digestOf names the bytes of a text.
func digestOf(text string) pack.Digest {
	sum := sha256.Sum256([]byte(text))
	return pack.NewDigest(sum[:])
}

func hexOf(text string) string { return digestOf(text).Hex() }

// publication makes one whose bytes are what is in content. It has no lease yet.
func publication(namespace, name, version, content string) db.Publication {
	digest := digestOf("zip of " + content)
	manifest, err := json.Marshal(map[string]string{"name": name, "version": version, "content": content})
	if err != nil {
		panic(err) // strings are always JSON
	}
	return db.Publication{
		Version: pack.Version{
			Namespace: namespace, Name: name, Version: version, DisplayName: "The " + name, Layer: "addon", AddonType: "system app",
			CloudTypes: []string{"all"}, Annotations: map[string]string{"source": "community"},
			Digest: digest, ContentDigest: "h1:" + hexOf(content), Size: int64(len(content)), MediaType: "application/zip",
			TarGzDigest: digestOf("tar.gz of " + content), TarGzSize: int64(len(content) + 1),
			PushedBy: "alice", PushedAt: pushedAt, Manifest: manifest,
		},
		Files: []pack.File{
			{Path: "pack.json", Size: int64(len(manifest)), SHA256: hexOf(string(manifest)), Offset: 40, Compressed: 30, Method: 8, CRC32: 1},
			{Path: "values.yaml", Size: int64(len(content)), SHA256: hexOf(content), Offset: 90, Compressed: 20, Method: 8, CRC32: 1<<32 - 1},
		},
	}
}

// digests are the blobs of a publication.
func digests(p db.Publication) []pack.Digest {
	out := []pack.Digest{p.Version.Digest}
	if p.Version.TarGzStored {
		out = append(out, p.Version.TarGzDigest)
	}
	return out
}

// tryPublish leases and publishes.
func tryPublish(ctx context.Context, d db.DB, p db.Publication) (*pack.Version, db.Outcome, error) {
	lease, err := d.Lease(ctx, digests(p), ttl)
	if err != nil {
		return nil, "", err
	}
	p.Lease = lease
	v, outcome, err := d.Publish(ctx, p)
	if err != nil {
		return nil, "", errors.Join(err, d.Release(ctx, lease))
	}
	return v, outcome, nil
}

// publish must succeed with the outcome.
func publish(t testing.TB, d db.DB, p db.Publication, want db.Outcome) *pack.Version {
	t.Helper()
	v, outcome, err := tryPublish(t.Context(), d, p)
	if err != nil {
		t.Fatalf("publish %s %s: %v", p.Version.Name, p.Version.Version, err)
	}
	if outcome != want {
		t.Fatalf("publish %s %s: outcome %q, want %q", p.Version.Name, p.Version.Version, outcome, want)
	}
	return v
}

// push publishes new content under a new version.
func push(t testing.TB, d db.DB, namespace, name, version string) *pack.Version {
	t.Helper()
	return publish(t, d, publication(namespace, name, version, name+version), db.Created)
}

// wantKind checks the kind of an error, and its code unless that is "".
func wantKind(t testing.TB, err error, kind pack.Kind, code string) {
	t.Helper()
	var e *pack.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("error %v (kind %q), want kind %q", err, pack.KindOf(err), kind)
	}
	if code != "" && e.Code != code {
		t.Fatalf("error %v has code %q, want %q", err, e.Code, code)
	}
}

// same compares; empty and nil lists and maps are the same.
func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// must passes a value on; an error ends the test.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// ok ends the test at an error.
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func label(s string) pack.Reference { return pack.Reference{Label: s} }

func latest() pack.Reference { return pack.Reference{Latest: true} }

// resolve must find the version.
func resolve(t testing.TB, d db.DB, name string, ref pack.Reference) *pack.Version {
	t.Helper()
	v, err := d.Resolve(t.Context(), "default", name, ref)
	if err != nil {
		t.Fatalf("resolve %s %+v: %v", name, ref, err)
	}
	return v
}

// birth is the mark of the empty feed.
func birth(t testing.TB, d db.DB) db.Mark {
	t.Helper()
	m := must(d.Head(t.Context()))(t)
	if m.Seq != 0 || m.Mark == "" {
		t.Fatalf("the head of an empty feed is %+v", m)
	}
	return m
}

// changesSince reads all changes, a few at a time.
func changesSince(t testing.TB, d db.DB, since db.Mark, namespace string) ([]pack.Change, db.Mark) {
	t.Helper()
	var all []pack.Change
	for {
		list, next, err := d.Changes(t.Context(), since, namespace, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 && next == since {
			return all, since
		}
		all, since = append(all, list...), next
	}
}

// brief is a change without what differs from run to run.
type brief struct {
	Type                    pack.ChangeType
	Namespace, Name, V, Tag string
}

func briefs(changes []pack.Change) []brief {
	out := make([]brief, len(changes))
	for i, c := range changes {
		out[i] = brief{c.Type, c.Namespace, c.Name, c.Version, c.Tag}
	}
	return out
}

// eventually waits until a condition holds; the test's own time limit ends it.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute not: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
