package oci_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
	"packregistry/internal/registry/oci"
)

func TestBlobs(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t, func(_ *registry.Config, c *oci.Config) { c.BlobLimit = 1000 })
		ctx := t.Context()
		body := []byte("some bytes of a layer")
		d := e.pushBlob("team/app", body)
		if got := e.blob("team/app", d); !bytes.Equal(got, body) {
			t.Errorf("got %q", got)
		}
		b, err := e.Blob(ctx, "team/app", d)
		e.must(err)
		if got := e.slice(b, 5, 5); string(got) != "bytes" {
			t.Errorf("a part is %q", got)
		}

		long := sha512hex(body)
		e.noBlob("team/app", long)
		e.must(e.PutBlob(ctx, "team/app", "alice", long, bytes.NewReader(body)))
		e.blob("team/app", long)
		if n := len(e.blobs()); n != 1 {
			t.Errorf("%d blobs in the store for one content", n)
		}

		// The right is the repository's: knowing the digest gives nothing.
		e.noBlob("team/other", d)
		for _, from := range []string{"", "team/nowhere", "Not A Name"} {
			if ok, err := e.Mount(ctx, "team/other", from, d, "bob"); ok || err != nil {
				t.Errorf("mount from %q: %v %v", from, ok, err)
			}
		}
		if ok, err := e.Mount(ctx, "team/other", "team/app", d, "bob"); !ok || err != nil {
			t.Fatalf("mount: %v %v", ok, err)
		}
		e.must(e.DeleteBlob(ctx, "team/app", d, "alice"))
		e.noBlob("team/app", d)
		wantKind(t, e.DeleteBlob(ctx, "team/app", d, "alice"), pack.KindNotFound, "blob_unknown")
		e.clean()
		e.blob("team/other", d)

		err = e.PutBlob(ctx, "team/app", "alice", sha([]byte("other")), strings.NewReader("wrong"))
		wantKind(t, err, pack.KindInvalid, "digest_invalid")
		err = e.PutBlob(ctx, "team/app", "alice", "sha256:abc", strings.NewReader("wrong"))
		wantKind(t, err, pack.KindInvalid, "digest_invalid")
		err = e.PutBlob(ctx, "team/app", "alice", sha(make([]byte, 1001)), bytes.NewReader(make([]byte, 1001)))
		if limit := wantKind(t, err, pack.KindTooLarge, "blob_too_large").Limit; limit != 1000 {
			t.Errorf("limit %d", limit)
		}
		e.must(e.PutBlob(ctx, "team/app", "alice", sha(make([]byte, 1000)), bytes.NewReader(make([]byte, 1000))))
		err = e.PutBlob(ctx, "team/app", "alice", sha(body), io.MultiReader(bytes.NewReader(body[:3]), iotest.ErrReader(io.ErrUnexpectedEOF)))
		wantKind(t, err, pack.KindInvalid, "blob_upload_invalid")
		wantKind(t, e.PutBlob(ctx, "Team/App", "alice", sha(body), bytes.NewReader(body)), pack.KindInvalid, "name_invalid")
		e.pushBlob("team/app", nil)
		if got := e.blob("team/app", sha(nil)); len(got) != 0 {
			t.Errorf("the empty blob has %d bytes", len(got))
		}
		e.noSpools()
		e.clean()
	})
}

func TestManifests(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		ctx := t.Context()
		body := append(e.image("app", `,"extra":{"b":1,  "a":2}`, "layer one", "layer two"), '\n')
		if r := e.push("app", "latest", body, "1.0", "1"); r.Digest != sha(body) || r.Subject != "" || len(r.Warnings) != 0 {
			t.Errorf("%+v", r)
		}
		for _, ref := range []string{"latest", "1.0", "1", sha(body)} {
			if m := e.manifest("app", ref); !bytes.Equal(m.Bytes, body) || m.MediaType != typeManifest || m.Digest != sha(body) {
				t.Errorf("%s is %+v", ref, m)
			}
		}
		if r := e.push("app", sha512hex(body), body, "long"); r.Digest != sha512hex(body) {
			t.Errorf("%+v", r)
		}
		if m := e.manifest("app", "long"); m.Digest != sha512hex(body) {
			t.Errorf("the tag is %s", m.Digest)
		}
		tags, more, err := e.Tags(ctx, "app", 0, "")
		if err != nil || more || !slices.Equal(tags, []string{"1", "1.0", "latest", "long"}) {
			t.Errorf("tags %v %v %v", tags, more, err)
		}
		tags, more, err = e.Tags(ctx, "app", 2, "1")
		if err != nil || !more || !slices.Equal(tags, []string{"1.0", "latest"}) {
			t.Errorf("a page of tags %v %v %v", tags, more, err)
		}
		wantKind(t, e.DeleteBlob(ctx, "app", sha([]byte("layer one")), "alice"), pack.KindConflict, "blob_in_use")

		e.noManifest("other", "latest")
		e.noManifest("app", "unknown")
		e.noManifest("app", sha([]byte("unknown")))
		_, err = e.Manifest(ctx, "app", "sha256:short")
		wantKind(t, err, pack.KindInvalid, "digest_invalid")

		e.must(e.DeleteManifest(ctx, "app", "1", "alice"))
		e.noManifest("app", "1")
		e.manifest("app", "latest")
		e.must(e.DeleteManifest(ctx, "app", sha(body), "alice"))
		e.noManifest("app", "latest")
		e.noManifest("app", sha(body))
		e.manifest("app", "long")
		wantKind(t, e.DeleteManifest(ctx, "app", "latest", "alice"), pack.KindNotFound, "")
		e.must(e.DeleteManifest(ctx, "app", sha512hex(body), "alice"))
		e.must(e.DeleteBlob(ctx, "app", sha([]byte("layer one")), "alice"))
		e.clean()
	})
}

func TestManifestsThatAreRefused(t *testing.T) {
	e := embedded(t)
	good := e.image("app", "", "layer")
	replace := func(old, new string) []byte { return []byte(strings.Replace(string(good), old, new, 1)) }
	missing := imageOf([]byte(`{"repo":"app"}`), "", "layer", "not pushed")
	for _, c := range []struct {
		name, ref, mediaType string
		body                 []byte
		kind                 pack.Kind
		code                 string
	}{
		{"not json", "a", typeManifest, []byte("{"), pack.KindInvalid, "manifest_invalid"},
		{"an array", "a", "", []byte("[]"), pack.KindInvalid, "manifest_invalid"},
		{"schema 1", "a", "", replace(`"schemaVersion":2`, `"schemaVersion":1`), pack.KindInvalid, "manifest_invalid"},
		{"another type", "a", typeIndex, good, pack.KindInvalid, "manifest_invalid"},
		{"an unknown type", "a", "", replace(typeManifest, "text/plain"), pack.KindInvalid, "manifest_invalid"},
		{"a bad content type", "a", ";;", good, pack.KindInvalid, "manifest_invalid"},
		{"a key twice", "a", "", replace(`"layers":`, `"layers":[],"layers":`), pack.KindInvalid, "manifest_invalid"},
		{"a field in other letters", "a", "", replace(`"layers":`, `"LAYERS":[],"layers":`), pack.KindInvalid, "manifest_invalid"},
		{"a digest in other letters", "a", "", replace(`"digest":`, `"Digest":"x","digest":`), pack.KindInvalid, "manifest_invalid"},
		{"not UTF-8", "a", "", replace(`"layers":`, "\"annotations\":{\"a\":\"\xff\"},\"layers\":"), pack.KindInvalid, "manifest_invalid"},
		{"no config", "a", "", []byte(`{"schemaVersion":2,"mediaType":"` + typeManifest + `"}`), pack.KindInvalid, "manifest_invalid"},
		{"a bad digest inside", "a", "", replace("sha256:", "sha256:0"), pack.KindInvalid, "manifest_invalid"},
		{"a config that is not there", "a", "", imageOf([]byte("elsewhere"), ""), pack.KindNotFound, "manifest_blob_unknown"},
		{"a layer that is not there", "a", "", missing, pack.KindNotFound, "manifest_blob_unknown"},
		{"another digest", sha([]byte("other")), "", good, pack.KindInvalid, "digest_invalid"},
		{"no digest", "sha256:baddigeststring", "", good, pack.KindInvalid, "digest_invalid"},
		{"a bad tag", ".hidden", "", good, pack.KindInvalid, "tag_invalid"},
		{"too large", "a", "", append(slices.Clone(good), make([]byte, 4<<20)...), pack.KindTooLarge, "manifest_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.PutManifest(t.Context(), oci.Put{Repo: "app", Reference: c.ref, MediaType: c.mediaType, Body: c.body, By: "alice"})
			wantKind(t, err, c.kind, c.code)
		})
	}
	_, err := e.PutManifest(t.Context(), oci.Put{Repo: "app", Reference: "ok", MediaType: typeManifest + "; charset=utf-8", Body: good})
	e.must(err)
	e.push("app", "free", e.image("app", `,"annotations":{"layers":"a","Layers":"b"},"org.example":{"Config":{},"config":{}}`))
	// What may lie elsewhere need not be pushed.
	foreign := []byte(strings.Replace(string(missing), `"application/octet-stream","digest":"`+sha([]byte("not pushed")),
		`"application/vnd.oci.image.layer.nondistributable.v1.tar","urls":["https://example.com/"],"digest":"`+sha([]byte("not pushed")), 1))
	e.push("app", "foreign", foreign)
}

func TestIndexesAndReferrers(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		ctx := t.Context()
		child := e.image("app", "", "layer")
		e.push("app", sha(child), child)
		index := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"%s","size":%d},{"mediaType":"%s","digest":"%s","size":7}]}`,
			typeIndex, typeManifest, sha(child), len(child), typeManifest, sha([]byte("sparse")))
		e.push("app", "multi", index)
		if m := e.manifest("app", "multi"); m.MediaType != typeIndex {
			t.Errorf("%+v", m)
		}

		// A subject need not be there yet.
		subject := sha(index)
		about := fmt.Sprintf(`,"subject":{"mediaType":"%s","digest":"%s","size":%d},"annotations":{"who":"me"}`, typeIndex, subject, len(index))
		plain := e.image("app", about)
		if r := e.push("app", sha(plain), plain); r.Subject != subject {
			t.Errorf("%+v", r)
		}
		typed := e.image("app", about+`,"artifactType":"application/vnd.signature"`)
		e.push("app", "sig", typed)
		all, more, err := e.Referrers(ctx, "app", subject, "", "")
		e.must(err)
		if len(all) != 2 || more {
			t.Fatalf("%+v", all)
		}
		byType, _, err := e.Referrers(ctx, "app", subject, typeConfig, "")
		e.must(err)
		if len(byType) != 1 || byType[0].Digest != sha(plain) || byType[0].ArtifactType != typeConfig ||
			byType[0].Annotations["who"] != "me" || byType[0].Size != int64(len(plain)) || byType[0].MediaType != typeManifest {
			t.Errorf("%+v", byType)
		}
		for _, c := range [][2]string{{"app", sha([]byte("nobody"))}, {"nowhere", subject}} {
			if none, _, err := e.Referrers(ctx, c[0], c[1], "", ""); err != nil || none == nil || len(none) != 0 {
				t.Errorf("%v: %v %v", c, none, err)
			}
		}
		_, _, err = e.Referrers(ctx, "app", "latest", "", "")
		wantKind(t, err, pack.KindInvalid, "digest_invalid")
		e.must(e.DeleteManifest(ctx, "app", sha(plain), "alice"))
		if left, _, err := e.Referrers(ctx, "app", subject, "", ""); err != nil || len(left) != 1 {
			t.Errorf("%v %v", left, err)
		}
		e.clean()
	})
}

// TestADeletedRepositoryEndsAllRights: nothing of it is found afterwards, and the bytes go.
func TestADeletedRepositoryEndsAllRights(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		ctx := t.Context()
		m := e.image("gone", "", "layer")
		e.push("gone", "latest", m)
		u, err := e.Start(ctx, "gone", "alice")
		e.must(err)
		_, err = e.Append(ctx, "gone", u.ID, "alice", 0, strings.NewReader("chunk"))
		e.must(err)
		e.must(e.DeleteRepository(ctx, "gone", "alice"))
		e.noManifest("gone", "latest")
		e.noBlob("gone", sha([]byte("layer")))
		_, err = e.Status(ctx, "gone", u.ID, "alice")
		wantKind(t, err, pack.KindNotFound, "blob_upload_unknown")
		wantKind(t, e.DeleteRepository(ctx, "gone", "alice"), pack.KindNotFound, "name_unknown")
		e.clean()
		if left := e.blobs(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestALostBlobIsNoPlainNotFound: a row without bytes is the server's fault, and said so.
func TestALostBlobIsNoPlainNotFound(t *testing.T) {
	e := embedded(t)
	m := e.image("app", "", "layer")
	e.push("app", "latest", m)
	b, err := e.Blob(t.Context(), "app", sha([]byte("layer")))
	e.must(err)
	e.must(errors.Join(e.store.Delete(t.Context(), pack.Digest(sha([]byte("layer")))), e.store.Delete(t.Context(), pack.Digest(sha(m)))))
	_, err = b.Open(t.Context(), 0, -1)
	wantKind(t, err, pack.KindCorrupt, "")
	_, err = e.Manifest(t.Context(), "app", "latest")
	wantKind(t, err, pack.KindCorrupt, "")
}
