package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// packPath is what Palette puts between base content path and pack (palette-contract 3.1).
const packPath = "spectro-packs/archive/"

// manifestPath is where below a base content path platform manifests lie (palette-contract 6.5).
const manifestPath = "/spectro-manifests/manifest"

// accepted are the manifests a reader of packs knows.
const accepted = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

// maxPages bounds a catalogue that pages without end.
const maxPages = 1000

// examineOCI reads as palette-contract 3.4 has it: catalogue, tags, manifest by tag, manifest by digest, blob.
func (e *exam) examineOCI(ctx context.Context) {
	repos, ok := e.examineCatalogue(ctx)
	if !ok || len(repos) == 0 {
		return
	}
	repo := repos[0]
	var tags struct{ Tags []string }
	if _, wrong := e.document(ctx, "/v2/"+repo+"/tags/list", "", &tags); wrong != "" {
		e.fail("OCI tags", wrong, "see the server's log")
		return
	}
	if len(tags.Tags) == 0 {
		e.fail("OCI tags", repo+" is in the catalogue and has no tag", "see the server's log")
		return
	}
	tag := tags.Tags[0]
	e.ok("OCI tags", fmt.Sprintf("%s of %s", count(len(tags.Tags), "tag"), repo))
	e.examineManifest(ctx, repo, tag)
}

// examineCatalogue follows Link to the end; it keeps the repositories that are packs.
func (e *exam) examineCatalogue(ctx context.Context) (packs []string, ok bool) {
	all, path := 0, "/v2/_catalog"
	for page := 1; ; page++ {
		var catalogue struct{ Repositories []string }
		r, wrong := e.document(ctx, path, "", &catalogue)
		if wrong != "" {
			e.fail("OCI catalogue", wrong, "Palette finds packs by the catalogue; see the server's log, and whether a proxy in front passes /v2/ on")
			return nil, false
		}
		all += len(catalogue.Repositories)
		for _, name := range catalogue.Repositories {
			if base, found := strings.CutSuffix(name, manifestPath); found {
				e.manifests = append(e.manifests, base)
			}
			if base, _, found := strings.Cut("/"+name, "/"+packPath); found {
				packs = append(packs, name)
				if base = strings.Trim(base, "/"); !slices.Contains(e.namespaces, base) {
					e.namespaces = append(e.namespaces, base)
				}
			}
		}
		next := r.header.Get("Link")
		if next == "" {
			break
		}
		if path = e.nextPage(next); path == "" || page == maxPages {
			e.fail("OCI catalogue", "its pages do not end, or lead elsewhere: Link "+next, "see whether a proxy in front changes headers")
			return nil, false
		}
	}
	text := fmt.Sprintf("%d repositories, %s", all, count(len(packs), "pack"))
	if len(packs) == 0 {
		e.warn("OCI catalogue", text, "upload a pack, then examine again")
		return nil, true
	}
	e.ok("OCI catalogue", text)
	return packs, true
}

// nextPage is the path of a Link header (RFC 8288) on this server, below the prefix, or "".
func (e *exam) nextPage(link string) string {
	_, rest, _ := strings.Cut(link, "<")
	target, _, found := strings.Cut(rest, ">")
	u, err := e.base.Parse(target)
	if !found || err != nil || u.Host != e.base.Host || u.Scheme != e.base.Scheme {
		return ""
	}
	path, ok := strings.CutPrefix(u.RequestURI(), e.base.Path)
	if !ok || !strings.HasPrefix(path, "/v2/") {
		return ""
	}
	return path
}

type descriptor struct {
	MediaType, Digest string
	Size              int64
	Annotations       map[string]string
}

// examineManifest wants one manifest under tag and digest, and the pack's layer in it (palette-contract 3.3).
func (e *exam) examineManifest(ctx context.Context, repo, tag string) {
	at := "/v2/" + repo + "/manifests/"
	var m struct {
		SchemaVersion int
		MediaType     string
		Config        descriptor
		Layers        []descriptor
	}
	byTag, wrong := e.document(ctx, at+escape(tag), accepted, &m)
	if wrong != "" {
		e.fail("OCI manifest", wrong, "see the server's log")
		return
	}
	digest := byTag.header.Get("Docker-Content-Digest")
	if digest != byTag.sum {
		e.fail("OCI manifest", fmt.Sprintf("Docker-Content-Digest of %s is %q, its bytes are %s", tag, digest, byTag.sum), "see whether a proxy in front changes answers")
		return
	}
	head, err := e.get(ctx, request{method: http.MethodHead, path: at + escape(tag), login: true, accept: accepted})
	if err != nil || head.status != http.StatusOK || head.header.Get("Docker-Content-Digest") != digest {
		text := "HEAD does not give what GET gives"
		if err != nil {
			text += ": " + reason(err)
		}
		e.fail("OCI manifest", text, "see whether a proxy in front lets HEAD pass: clients look with it before they pull")
		return
	}
	byDigest, err := e.get(ctx, request{path: at + digest, login: true, accept: accepted})
	switch {
	case err != nil:
		e.fail("OCI manifest", reason(err), "see the server's log")
		return
	case byDigest.status != http.StatusOK || byDigest.sum != digest:
		e.fail("OCI manifest", "under its digest it is not had: "+byDigest.describe(), "clusters ask for the digest that Palette saw; see the server's log")
		return
	case len(m.Layers) == 0 || !json.Valid(byDigest.body):
		e.fail("OCI manifest", repo+":"+tag+" has no layer", "push the pack again")
		return
	}
	e.ok("OCI manifest", fmt.Sprintf("%s:%s is %s, by tag and by digest", repo, tag, short(digest)))
	layer := m.Layers[0]
	title := layer.Annotations["org.opencontainers.image.title"]
	if len(m.Layers) != 1 || title == "" || strings.Contains(title, "/") {
		e.warn("OCI layer", fmt.Sprintf("%s with the title %q: Palette knows packs by one layer with a plain file name", count(len(m.Layers), "layer"), title),
			"push the pack as one file from its own folder, or upload it over REST")
	}
	e.examineBytes(ctx, "OCI pack", request{path: "/v2/" + repo + "/blobs/" + layer.Digest, follow: true}, layer.Digest)
}

func escape(s string) string { return url.QueryEscape(s) }
