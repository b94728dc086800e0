package dbtest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// ociModel does what db.OCI says about repositories, with maps. Blobs and manifests go by their texts.
type ociModel struct{ repos map[string]*ociModelRepo }

type ociModelRepo struct {
	blobs     map[string]bool
	manifests map[string][]string // to what it refers
	tags      map[string]string
}

// code is that of an error; "" for none.
func code(err error) string {
	var e *pack.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (m *ociModel) claim(repo string) *ociModelRepo {
	if m.repos[repo] == nil {
		m.repos[repo] = &ociModelRepo{map[string]bool{}, map[string][]string{}, map[string]string{}}
	}
	return m.repos[repo]
}

func (m *ociModel) referenced(text string) bool {
	for _, r := range m.repos {
		if _, is := r.manifests[text]; is || r.blobs[text] {
			return true
		}
	}
	return false
}

func (r *ociModelRepo) inUse(blob string) bool {
	for _, refers := range r.manifests {
		if slices.Contains(refers, blob) {
			return true
		}
	}
	return false
}

func (m *ociModel) putManifest(repo, text string, refers, tags []string) string {
	for _, ref := range refers {
		r := m.repos[repo]
		if r == nil {
			return "manifest_blob_unknown"
		}
		if _, is := r.manifests[ref]; !is && !r.blobs[ref] {
			return "manifest_blob_unknown"
		}
	}
	r := m.claim(repo)
	r.manifests[text] = refers
	for _, tag := range tags {
		r.tags[tag] = text
	}
	return ""
}

func (m *ociModel) deleteBlob(repo, text string) string {
	r := m.repos[repo]
	switch {
	case r == nil || !r.blobs[text]:
		return "blob_unknown"
	case r.inUse(text):
		return "blob_in_use"
	}
	delete(r.blobs, text)
	return ""
}

func (m *ociModel) deleteManifest(repo, text string) string {
	r := m.repos[repo]
	if r == nil {
		return "name_unknown"
	}
	if _, is := r.manifests[text]; !is {
		return "manifest_unknown"
	}
	delete(r.manifests, text)
	maps.DeleteFunc(r.tags, func(_, to string) bool { return to == text })
	return ""
}

func (m *ociModel) deleteTag(repo, tag string) string {
	r := m.repos[repo]
	if r == nil {
		return "name_unknown"
	}
	if r.tags[tag] == "" {
		return "manifest_unknown"
	}
	delete(r.tags, tag)
	return ""
}

func (m *ociModel) prune() (n int) {
	for name, r := range m.repos {
		before := len(r.blobs)
		maps.DeleteFunc(r.blobs, func(b string, _ bool) bool { return !r.inUse(b) })
		n += before - len(r.blobs)
		if len(r.blobs) == 0 && len(r.manifests) == 0 {
			delete(m.repos, name)
		}
	}
	return n
}

// ociModelled does the same at random to the database and to the model, and compares.
func ociModelled(t *testing.T, env Env) {
	const steps = 250
	ctx := t.Context()
	m := &ociModel{repos: map[string]*ociModelRepo{}}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	pick := func(prefix string, n int) string { return fmt.Sprint(prefix, rnd.IntN(n)) }
	done := map[string]int{}
	for step := range steps {
		repo, blob, text, tag := pick("r/", 3), pick("blob ", 4), pick("manifest ", 4), pick("t", 4)
		what, want, got := "", "", ""
		switch op := rnd.IntN(20); {
		case op < 6:
			what = "put " + blob
			m.claim(repo).blobs[blob] = true
			got = code(tryPutBlob(ctx, env.DB, repo, blob))
		case op < 11:
			refers := []string{blob, "manifest of none"}[:1+rnd.IntN(15)/14]
			if other := pick("manifest ", 4); other != text && rnd.IntN(3) == 0 {
				refers = append(refers, other)
			}
			tags := []string{tag, pick("t", 4)}[:rnd.IntN(3)]
			what, want = fmt.Sprint("put ", text, refers, tags), m.putManifest(repo, text, refers, tags)
			var named []string
			for _, r := range refers {
				named = append(named, digestStr(r))
			}
			got = code(tryPutManifest(ctx, env.DB, repo, manifest(text, named...), tags...))
		case op < 13:
			what = "mount " + blob
			if want = "lease_expired"; m.referenced(blob) {
				want, m.claim(repo).blobs[blob] = "", true
			}
			got = code(env.DB.PutOCIBlob(ctx, repo, link(blob), ""))
		case op < 15:
			what, want = "delete "+blob, m.deleteBlob(repo, blob)
			got = code(env.DB.DeleteOCIBlob(ctx, repo, digestStr(blob)))
		case op < 16:
			what, want = "delete "+text, m.deleteManifest(repo, text)
			got = code(env.DB.DeleteOCIManifest(ctx, repo, digestStr(text)))
		case op < 18:
			what, want = "delete "+tag, m.deleteTag(repo, tag)
			got = code(env.DB.DeleteOCITag(ctx, repo, tag))
		case op < 19:
			n, err := env.DB.PruneOCIBlobs(ctx, time.Now().Add(time.Hour))
			what, want, got = "prune", fmt.Sprint(m.prune()), fmt.Sprint(n, code(err))
		default:
			what = "delete all"
			if want = "name_unknown"; m.repos[repo] != nil {
				want = ""
			}
			delete(m.repos, repo)
			got = code(env.DB.DeleteOCIRepository(ctx, repo))
		}
		done[want]++
		if got != want {
			t.Fatalf("step %d, %s in %s: %q, want %q", step, what, repo, got, want)
		}
		m.compare(t, env.DB)
		if t.Failed() {
			t.Fatalf("after step %d, %s in %s", step, what, repo)
		}
	}
	t.Logf("answers: %v", done)
}

// compare holds the database to the model.
func (m *ociModel) compare(t *testing.T, d db.DB) {
	ctx := t.Context()
	listed := []string{}
	for i := range 3 {
		repo := fmt.Sprint("r/", i)
		tags, err := d.OCITags(ctx, repo, 0, "")
		r := m.repos[repo]
		if r == nil {
			same(t, repo, "name_unknown", code(err))
			continue
		}
		ok(t, err)
		same(t, "tags of "+repo, slices.Sorted(maps.Keys(r.tags)), tags)
		if len(tags) > 0 {
			listed = append(listed, repo)
		}
		for tag, text := range r.tags {
			same(t, tag, digestStr(text), must(d.OCIManifest(ctx, repo, tag))(t).Digest)
		}
	}
	same(t, "listed", listed, must(d.OCIRepositories(ctx, 0, ""))(t))
	var refs, want []pack.Digest
	ok(t, d.BlobRefs(ctx, func(r db.BlobRef) error { refs = append(refs, r.Digest); return nil }))
	for i := range 8 {
		text := fmt.Sprint([]string{"blob ", "manifest "}[i%2], i/2)
		if m.referenced(text) {
			want = append(want, digestOf(text))
		}
		same(t, "referenced: "+text, m.referenced(text), referenced(t, d, digestOf(text)))
	}
	slices.Sort(want)
	same(t, "references", want, refs)
}
