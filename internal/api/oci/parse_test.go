package oci

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
)

var (
	d256 = "sha256:" + strings.Repeat("a", 64)
	d512 = "sha512:" + strings.Repeat("b", 128)
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text Text
		want Request
	}{
		{Text{Method: "GET", Path: "/v2"}, Request{Op: Ping, Pattern: pingPath}},
		{Text{Method: "HEAD", Path: "/v2/"}, Request{Op: Ping, Pattern: pingPath}},
		{Text{Method: "GET", Path: "/v2/_catalog", Query: "n=5&last=a/b"}, Request{Op: Catalog, Pattern: catalogPath, N: 5, Last: "a/b"}},
		{Text{Method: "GET", Path: "/v2/a/tags/list", Query: "n=0"}, Request{Op: TagList, Pattern: tagsPath, Repo: "a", N: 0}},
		// Names are read from the right: any word may be a part of one.
		{Text{Method: "GET", Path: "/v2/tags/list/tags/list"}, Request{Op: TagList, Pattern: tagsPath, Repo: "tags/list"}},
		{Text{Method: "GET", Path: "/v2/a/blobs/uploads/manifests/v1"}, Request{Op: ManifestGet, Pattern: manifestPath, Repo: "a/blobs/uploads", Reference: "v1"}},
		{Text{Method: "HEAD", Path: "/v2/a/b/c/d/e/manifests/" + d512}, Request{Op: ManifestGet, Pattern: manifestPath, Repo: "a/b/c/d/e", Reference: d512}},
		{Text{Method: "GET", Path: "/v2/a/manifests/sha256%3A" + d256[7:]}, Request{Op: ManifestGet, Pattern: manifestPath, Repo: "a", Reference: d256}},
		{Text{Method: "PUT", Path: "/v2/a/manifests/" + d256, Query: "tag=x&tag=y&tag=x"}, Request{Op: ManifestPut, Pattern: manifestPath, Repo: "a", Reference: d256, Tags: []string{"x", "y"}}},
		{Text{Method: "DELETE", Path: "/v2/a/manifests/list"}, Request{Op: ManifestDelete, Pattern: manifestPath, Repo: "a", Reference: "list"}},
		{Text{Method: "GET", Path: "/v2/blobs/blobs/" + d256}, Request{Op: BlobGet, Pattern: blobPath, Repo: "blobs", Digest: d256}},
		{Text{Method: "DELETE", Path: "/v2/a/blobs/" + d512}, Request{Op: BlobDelete, Pattern: blobPath, Repo: "a", Digest: d512}},
		{Text{Method: "POST", Path: "/v2/a/blobs/uploads/"}, Request{Op: UploadStart, Pattern: uploadsPath, Repo: "a"}},
		{Text{Method: "POST", Path: "/v2/a/blobs/uploads", Query: "digest=" + d256}, Request{Op: UploadStart, Pattern: uploadsPath, Repo: "a", Digest: d256}},
		{Text{Method: "POST", Path: "/v2/a/blobs/uploads/", Query: "mount=" + d256 + "&from=x/y"}, Request{Op: UploadStart, Pattern: uploadsPath, Repo: "a", Mount: d256, From: "x/y"}},
		{Text{Method: "POST", Path: "/v2/a/blobs/uploads/", Query: "mount=" + d256 + "&from=NOT/ONE"}, Request{Op: UploadStart, Pattern: uploadsPath, Repo: "a", Mount: d256}},
		{Text{Method: "POST", Path: "/v2/a/blobs/uploads/", Query: "digest-algorithm=sha512"}, Request{Op: UploadStart, Pattern: uploadsPath, Repo: "a"}},
		{Text{Method: "GET", Path: "/v2/a/blobs/uploads/ID-1_x"}, Request{Op: UploadStatus, Pattern: uploadPath, Repo: "a", Upload: "ID-1_x"}},
		{Text{Method: "PATCH", Path: "/v2/a/blobs/uploads/i", ContentRange: "10-19"}, Request{Op: UploadAppend, Pattern: uploadPath, Repo: "a", Upload: "i", Range: &Range{10, 19}}},
		{Text{Method: "PATCH", Path: "/v2/a/blobs/uploads/i", ContentRange: "bytes 10-19/*"}, Request{Op: UploadAppend, Pattern: uploadPath, Repo: "a", Upload: "i", Range: &Range{10, 19}}},
		{Text{Method: "PUT", Path: "/v2/a/blobs/uploads/i", Query: "digest=" + d512}, Request{Op: UploadFinish, Pattern: uploadPath, Repo: "a", Upload: "i", Digest: d512}},
		{Text{Method: "DELETE", Path: "/v2/a/blobs/uploads/i"}, Request{Op: UploadCancel, Pattern: uploadPath, Repo: "a", Upload: "i"}},
		{Text{Method: "GET", Path: "/v2/a/referrers/" + d256, Query: "artifactType=x%2Fy"}, Request{Op: Referrers, Pattern: referrerPath, Repo: "a", Digest: d256, ArtifactType: "x/y"}},
	} {
		if !strings.Contains(c.text.Query, "n=") || c.want.Op != TagList && c.want.Op != Catalog {
			c.want.N = -1
		}
		got, err := Parse(c.text)
		if err != nil {
			t.Errorf("%+v: %v", c.text, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v: %s", c.text, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("a", 256)
	for _, c := range []struct {
		text    Text
		code    string
		pattern string
	}{
		{Text{Method: "GET", Path: "/v2/a"}, "route_not_found", ""},
		{Text{Method: "GET", Path: "/v2/manifests/1"}, "route_not_found", ""},
		{Text{Method: "GET", Path: "/v2/a%2Fb/manifests/1"}, "route_not_found", ""},
		{Text{Method: "GET", Path: "/v2/a/manifests/%zz"}, "route_not_found", ""},
		{Text{Method: "GET", Path: "/v2x/_catalog"}, "route_not_found", ""},
		{Text{Method: "POST", Path: "/v2/_catalog"}, "method_not_allowed", catalogPath},
		{Text{Method: "GET", Path: "/v2/a/blobs/uploads/"}, "method_not_allowed", uploadsPath},
		{Text{Method: "GET", Path: "/v2/A/manifests/1"}, "name_invalid", manifestPath},
		{Text{Method: "GET", Path: "/v2/a//b/manifests/1"}, "name_invalid", manifestPath},
		{Text{Method: "GET", Path: "/v2/../manifests/1"}, "name_invalid", manifestPath},
		{Text{Method: "GET", Path: "/v2/" + long + "/manifests/1"}, "name_invalid", manifestPath},
		{Text{Method: "GET", Path: "/v2/a/manifests/.x"}, "manifest_unknown", manifestPath},
		{Text{Method: "PUT", Path: "/v2/a/manifests/.x"}, "tag_invalid", manifestPath},
		{Text{Method: "PUT", Path: "/v2/a/manifests/" + d256, Query: "tag=" + long}, "tag_invalid", manifestPath},
		{Text{Method: "PUT", Path: "/v2/a/manifests/sha256:baddigest"}, "digest_invalid", manifestPath},
		{Text{Method: "GET", Path: "/v2/a/blobs/latest"}, "digest_invalid", blobPath},
		{Text{Method: "GET", Path: "/v2/a/blobs/md5:" + strings.Repeat("a", 32)}, "digest_invalid", blobPath},
		{Text{Method: "GET", Path: "/v2/a/blobs/uploads/..%2f"}, "route_not_found", ""},
		{Text{Method: "GET", Path: "/v2/a/blobs/uploads/a.b"}, "blob_upload_unknown", uploadPath},
		{Text{Method: "PUT", Path: "/v2/a/blobs/uploads/i"}, "digest_invalid", uploadPath},
		{Text{Method: "POST", Path: "/v2/a/blobs/uploads/", Query: "digest-algorithm=sha1"}, "digest_invalid", uploadsPath},
		{Text{Method: "POST", Path: "/v2/a/blobs/uploads/", Query: "mount=x"}, "digest_invalid", uploadsPath},
		{Text{Method: "PATCH", Path: "/v2/a/blobs/uploads/i", ContentRange: "9-1"}, "blob_upload_invalid", uploadPath},
		{Text{Method: "PATCH", Path: "/v2/a/blobs/uploads/i", ContentRange: "0-9999999999999999999"}, "blob_upload_invalid", uploadPath},
		{Text{Method: "GET", Path: "/v2/_catalog", Query: "n=-1"}, "page_invalid", catalogPath},
		{Text{Method: "GET", Path: "/v2/_catalog", Query: "n=99999999999"}, "page_invalid", catalogPath},
		{Text{Method: "GET", Path: "/v2/_catalog", Query: "last=%zz"}, "query_invalid", catalogPath},
		{Text{Method: "GET", Path: "/v2/_catalog", Query: "last=a&last=b"}, "query_invalid", catalogPath},
	} {
		got, err := Parse(c.text)
		var known *pack.Error
		if !errors.As(err, &known) || known.Code != c.code || got.Pattern != c.pattern {
			t.Errorf("%+v: pattern %q, error %v; want %q and %s", c.text, got.Pattern, err, c.pattern, c.code)
		}
	}
	if _, err := Parse(Text{Method: "PUT", Path: "/v2/a/manifests/1", Query: strings.Repeat("tag=t&", 5000)}); err != nil {
		t.Errorf("one tag many times: %v", err)
	}
}

// FuzzParse: what is let through is well-formed, and a path says the same in its two spellings.
func FuzzParse(f *testing.F) {
	f.Add("GET", "/v2/a/b/manifests/latest", "n=1&tag=x", "0-1")
	f.Add("PUT", "/v2/a/blobs/uploads/x", "digest="+d256, "bytes 0-1/2")
	f.Add("POST", "/v2/blobs/blobs/uploads/", "mount="+d512+"&from=a", "")
	f.Add("GET", "/v2/a/manifests/sha256%3Aab", "", "")
	f.Fuzz(func(t *testing.T, method, path, query, contentRange string) {
		r, err := Parse(Text{method, path, query, contentRange})
		if (r.Pattern == "" || r.Op == noOp) && err == nil {
			t.Fatalf("let through without a route: %+v", r)
		}
		if err != nil {
			var known *pack.Error
			if !errors.As(err, &known) || known.Message == "" || known.Code == "" {
				t.Fatalf("error %v", err)
			}
			return
		}
		if r.Op != Ping && r.Op != Catalog && !repoForm.MatchString(r.Repo) {
			t.Fatalf("repository %q", r.Repo)
		}
		for _, d := range []string{r.Digest, r.Mount} {
			if d != "" && !digestForm.MatchString(d) {
				t.Fatalf("digest %q", d)
			}
		}
		if r.Reference != "" && !tagForm.MatchString(r.Reference) && !digestForm.MatchString(r.Reference) {
			t.Fatalf("reference %q", r.Reference)
		}
		if r.Range != nil && r.Range.Len() < 1 {
			t.Fatalf("range %+v", r.Range)
		}
	})
}

func TestRoutesAndPatterns(t *testing.T) {
	for _, r := range Routes() {
		path := strings.NewReplacer("{repo}", "x/y", "{digest}", d256, "{reference}", "v1", "{id}", "i").Replace(r.Pattern)
		got, err := Parse(Text{Method: r.Method, Path: path, Query: "digest=" + d256})
		if err != nil || got.Op != r.Op || got.Pattern != r.Pattern {
			t.Errorf("%s %s: %+v %v", r.Method, path, got, err)
		}
	}
}
