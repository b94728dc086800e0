package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"packregistry/internal/pack/packtest"
)

// archivePath is what Palette puts between its base content path and a pack's name (palette-contract 3.1).
const archivePath = "/spectro-packs/archive/"

func (a archive) repo(namespace string) string { return namespace + archivePath + a.name }
func (a archive) folder() string               { return a.name + "-" + a.version }

// head is the cursor of the end of the change feed.
func (s *server) head() string {
	s.t.Helper()
	_, body, err := s.do(s.t.Context(), http.MethodGet, "/api/v1/sync/catalog?namespace=*", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
	var last struct{ Cursor string }
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil || last.Cursor == "" {
		s.t.Fatalf("the catalogue ends with %.200s (%v)", lines[len(lines)-1], err)
	}
	return last.Cursor
}

// TestPaletteReads does what Palette is understood to do with an OCI pack registry (palette-contract 3.4): ping,
// challenge, catalogue, tags, manifest, blob; and asks for a pinned digest after a forced overwrite.
func TestPaletteReads(t *testing.T) {
	set := packSet(t)
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b)
		for _, a := range set {
			s.v2(http.MethodPost, "/api/v1/packs", bytes.NewReader(a.data)).must(t, 201, "upload of "+a.folder())
		}
		refused, err := s.ask("", "", http.MethodGet, "/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		refused.must(t, 401, "ping without credentials")
		if c := refused.header.Get("WWW-Authenticate"); !strings.HasPrefix(c, "Basic realm=") {
			t.Errorf("challenge %q", c)
		}
		if v := s.v2(http.MethodGet, "/v2/", nil).must(t, 200, "ping").header.Get("Docker-Distribution-API-Version"); v != "registry/2.0" {
			t.Errorf("API version %q", v)
		}

		var catalogue struct{ Repositories []string }
		s.get("/v2/_catalog", &catalogue)
		if !slices.IsSorted(catalogue.Repositories) {
			t.Error("the catalogue is not sorted")
		}
		pinned := map[string]string{} // repository@digest to layer digest
		for _, a := range set {
			if !slices.Contains(catalogue.Repositories, a.repo("default")) {
				t.Errorf("%s is not in the catalogue", a.repo("default"))
			}
			// Palette with an empty base path leaves the first segment out.
			for _, repo := range []string{a.repo("default"), strings.TrimPrefix(archivePath, "/") + a.name} {
				var list struct{ Tags []string }
				s.get("/v2/"+repo+"/tags/list", &list)
				if !slices.Contains(list.Tags, a.version) {
					t.Errorf("%s has tags %v and not %s", repo, list.Tags, a.version)
				}
			}
			digest, m, layer := s.orasPull(a.repo("default"), a.version)
			s.checkShape(t, a, m)
			folder, files := untar(t, layer)
			if folder != a.folder() || !maps.Equal(files, a.files) {
				t.Errorf("%s: folder %s with %d files, uploaded were %d", a.folder(), folder, len(files), len(a.files))
			}
			pinned[a.repo("default")+"@"+digest] = m.Layers[0].Digest
		}

		for _, a := range set[:min(len(set), 10)] {
			other := made(t, a.name, a.version, "other content")
			s.v2(http.MethodPost, "/api/v1/packs?force=true&message=other", bytes.NewReader(other.data)).must(t, 201, "forced overwrite of "+a.folder())
			if digest, _, _ := s.orasPull(a.repo("default"), a.version); pinned[a.repo("default")+"@"+digest] != "" {
				t.Errorf("the tag of %s did not move", a.folder())
			}
		}
		s.kill() // what was given once stays the same after a restart
		s = start(t, b)
		for ref, layer := range pinned {
			repo, digest, _ := strings.Cut(ref, "@")
			if again, m, _ := s.orasPull(repo, digest); again != digest || m.Layers[0].Digest != layer {
				t.Errorf("%s has become %s", ref, again)
			}
		}
		checkVerify(t, b)
	})
}

// checkShape holds a manifest against the one of palette-contract 3.3.
func (s *server) checkShape(t *testing.T, a archive, m manifest) {
	t.Helper()
	if m.SchemaVersion != 2 || m.MediaType != manifestType || m.Config.MediaType != configType || m.Config.Size != 2 ||
		m.Config.Digest != "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" ||
		m.Layers[0].MediaType != layerType || m.Layers[0].Annotations[titleKey] != a.folder()+".tar.gz" || m.Annotations["org.opencontainers.image.created"] == "" {
		t.Errorf("the manifest of %s has another shape: %+v", a.folder(), m)
	}
	// ?format=tar.gz is that same layer.
	got := s.v2(http.MethodHead, a.path()+"/archive?format=tar.gz", nil).must(t, 200, "tar.gz of "+a.folder())
	if etag := strings.Trim(got.header.Get("ETag"), `"`); etag != m.Layers[0].Digest {
		t.Errorf("%s: the layer is %s, the tar.gz %s", a.folder(), m.Layers[0].Digest, etag)
	}
}

// TestPacksThroughBothFaces pushes packs (of the real ones every fourth, in test-full all) as ORAS 1.0 shapes it and reads it back over REST, and sends the same
// content through the other face: it stays one version, and the feed does not move.
func TestPacksThroughBothFaces(t *testing.T) {
	set := packtest.Every(4, packSet(t))
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b)
		for i, a := range set {
			namespace := []string{"default", "team/edge"}[i%2]
			query := "?namespace=" + namespace
			tgz := a.tarball(t, []string{a.folder(), "some-folder"}[i/2%2])
			answer, digest := s.orasPush(a.repo(namespace), a.version, a.folder()+".tar.gz", tgz)
			answer.must(t, 201, "push of "+a.folder())
			if answer.header.Get("Docker-Content-Digest") != digest {
				t.Errorf("%s: pushed %s, answered %v", a.folder(), digest, answer.header)
			}
			zipped := s.v2(http.MethodGet, a.path()+"/archive"+query, nil).must(t, 200, "zip of "+a.folder())
			if !maps.Equal(unzip(t, zipped.body), a.files) {
				t.Errorf("%s: the zip holds other files than were pushed", a.folder())
			}
			again, _, layer := s.orasPull(a.repo(namespace), a.version)
			if again != digest || !bytes.Equal(layer, tgz) {
				t.Errorf("%s: pushed %s, pulled %s", a.folder(), digest, again)
			}
		}
		head := s.head()
		for i, a := range set {
			namespace := []string{"default", "team/edge"}[i%2]
			s.v2(http.MethodPost, "/api/v1/packs?namespace="+namespace, bytes.NewReader(a.data)).must(t, 200, "the same over REST, "+a.folder())
			// Another tar.gz of the same files: the tag moves to its manifest, and nothing else happens.
			answer, digest := s.orasPush(a.repo(namespace), a.version, a.folder()+".tar.gz", a.tarball(t, "another"))
			answer.must(t, 201, "the same with another manifest, "+a.folder())
			if now, _, _ := s.orasPull(a.repo(namespace), a.version); now != digest {
				t.Errorf("%s: the tag is at %s, pushed was %s", a.folder(), now, digest)
			}
			var v struct{ Revision int }
			s.get(a.path()+"?namespace="+namespace, &v)
			if v.Revision != 1 {
				t.Errorf("%s is at revision %d", a.folder(), v.Revision)
			}
		}
		if now := s.head(); now != head {
			t.Errorf("the feed moved from %s to %s", head, now)
		}
		checkVerify(t, b)
	})
}

// TestOCIRefusals: a bad pack with its findings, a version that would move, and the right to a blob.
func TestOCIRefusals(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b)
		a := made(t, "refused", "1.0.0", "one")
		push := func(status int, repo, tag string, data []byte, parts ...string) {
			t.Helper()
			answer, _ := s.orasPush(repo, tag, "x.tar.gz", data)
			answer.must(t, status, repo+":"+tag)
			for _, p := range parts {
				if !strings.Contains(string(answer.body), p) {
					t.Errorf("%s:%s: the body lacks %s: %s", repo, tag, p, answer.body)
				}
			}
		}
		good := a.tarball(t, "x")
		push(400, a.repo("default"), "1.0.0", []byte("no archive at all"), `"code":"MANIFEST_INVALID"`)
		push(400, a.repo("default"), "2.0.0", good, `"code":"MANIFEST_INVALID"`)
		push(400, "default"+archivePath+"other", "1.0.0", good, `"code":"MANIFEST_INVALID"`)
		broken := a
		broken.data = withoutValues(t, a)
		push(400, a.repo("default"), "1.0.0", broken.tarball(t, "x"), `"code":"MANIFEST_INVALID"`, `"detail":{"findings":[`, "values.yaml")
		push(201, a.repo("default"), "1.0.0", good)
		push(403, a.repo("default"), "1.0.0", made(t, "refused", "1.0.0", "two").tarball(t, "x"), `"code":"DENIED"`)
		// Other tags are ordinary content.
		push(201, a.repo("default"), "signature", []byte("no archive at all"))

		digest := s.uploadBlob("team/secret", []byte("a secret layer"))
		s.v2(http.MethodGet, "team/other/blobs/"+digest, nil).must(t, 404, "a blob of another repository")
		s.v2(http.MethodPost, "team/other/blobs/uploads/?mount="+digest, nil).must(t, 202, "a mount without a source")
		s.v2(http.MethodPost, "team/other/blobs/uploads/?mount="+digest+"&from=team/secret", nil).must(t, 201, "a mount")
		s.v2(http.MethodGet, "team/other/blobs/"+digest, nil).must(t, 200, "the mounted blob")
	})
}

func withoutValues(t *testing.T, a archive) []byte {
	t.Helper()
	return rezip(t, a.data, func(name string) bool { return name != "values.yaml" })
}

// TestReplicasShareAnUpload alternates the requests of one chunked upload between two processes.
func TestReplicasShareAnUpload(t *testing.T) {
	b := production(t)
	one := start(t, b)
	other := b
	other.dir = t.TempDir()
	replicas := []*server{one, start(t, other)}
	const repo = "team/chunked"
	var blob []byte
	for i := range 9 {
		blob = append(blob, bytes.Repeat([]byte{byte('a' + i)}, 70_000+i)...)
	}
	at := one.v2(http.MethodPost, repo+"/blobs/uploads/", nil).must(t, 202, "start").header.Get("Location")
	for i, offset := 0, 0; offset < len(blob); i++ {
		end := min(offset+70_000, len(blob))
		s := replicas[(i+1)%2]
		chunk := func(first int) reply {
			return s.v2(http.MethodPatch, at, bytes.NewReader(blob[first:end]), "Content-Range", fmt.Sprintf("%d-%d", first, end-1))
		}
		if i == 3 { // a chunk from elsewhere, and the way back
			wrong := chunk(offset+1).must(t, 416, "a chunk out of order")
			if got := wrong.header.Get("Range"); got != fmt.Sprintf("0-%d", offset-1) {
				t.Errorf("the refusal says %q at offset %d", got, offset)
			}
		}
		got := chunk(offset).must(t, 202, "chunk")
		want := fmt.Sprintf("0-%d", end-1)
		at = got.header.Get("Location")
		asked := replicas[i%2].v2(http.MethodGet, at, nil).must(t, 204, "status at the other replica")
		if got.header.Get("Range") != want || asked.header.Get("Range") != want {
			t.Errorf("ranges %q and %q, want %q", got.header.Get("Range"), asked.header.Get("Range"), want)
		}
		offset = end
	}
	digest := "sha256:" + sum(blob)
	replicas[1].v2(http.MethodPut, at+"?digest="+digest, nil).must(t, 201, "finish")
	for _, s := range replicas {
		if got := s.v2(http.MethodGet, repo+"/blobs/"+digest, nil).must(t, 200, "blob"); !bytes.Equal(got.body, blob) {
			t.Error("the blob has other bytes than its chunks")
		}
	}
	one.v2(http.MethodGet, at, nil).must(t, 404, "a finished upload")
}
