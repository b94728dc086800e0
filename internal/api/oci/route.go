package oci

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Op is what a request wants, one for each row of Routes.
type Op int

// The operations, with the end point of the spec (section Endpoints).
const (
	noOp           Op = iota
	Ping              // end-1
	BlobGet           // end-2, HEAD too
	ManifestGet       // end-3, HEAD too
	UploadStart       // end-4a, 4b, 11
	UploadAppend      // end-5
	UploadFinish      // end-6
	ManifestPut       // end-7a, 7b
	TagList           // end-8a, 8b
	ManifestDelete    // end-9
	BlobDelete        // end-10
	Referrers         // end-12a, 12b
	UploadStatus      // end-13
	UploadCancel      // end-14 of the next version
	Catalog           // not in the spec, but in every client
)

// Route is a method on a pattern of paths.
type Route struct {
	Method, Pattern string
	Op              Op
}

// The patterns. They are labels of metrics and keys of the access table too.
const (
	pingPath     = "/v2/"
	catalogPath  = "/v2/_catalog"
	tagsPath     = "/v2/{repo}/tags/list"
	manifestPath = "/v2/{repo}/manifests/{reference}"
	blobPath     = "/v2/{repo}/blobs/{digest}"
	uploadsPath  = "/v2/{repo}/blobs/uploads/"
	uploadPath   = "/v2/{repo}/blobs/uploads/{id}"
	referrerPath = "/v2/{repo}/referrers/{digest}"
)

// Routes lists all routes. HEAD goes by GET.
func Routes() []Route {
	return []Route{
		{http.MethodGet, pingPath, Ping},
		{http.MethodGet, catalogPath, Catalog},
		{http.MethodGet, tagsPath, TagList},
		{http.MethodGet, manifestPath, ManifestGet},
		{http.MethodPut, manifestPath, ManifestPut},
		{http.MethodDelete, manifestPath, ManifestDelete},
		{http.MethodGet, blobPath, BlobGet},
		{http.MethodDelete, blobPath, BlobDelete},
		{http.MethodPost, uploadsPath, UploadStart},
		{http.MethodGet, uploadPath, UploadStatus},
		{http.MethodPatch, uploadPath, UploadAppend},
		{http.MethodPut, uploadPath, UploadFinish},
		{http.MethodDelete, uploadPath, UploadCancel},
		{http.MethodGet, referrerPath, Referrers},
	}
}

// Allowed are the methods that a pattern answers, for Allow.
func Allowed(pattern string) []string {
	var out []string
	for _, r := range Routes() {
		if r.Pattern == pattern {
			out = append(out, r.Method)
			if r.Method == http.MethodGet {
				out = append(out, http.MethodHead)
			}
		}
	}
	slices.Sort(out)
	return out
}

func opOf(method, pattern string) Op {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, r := range Routes() {
		if r.Method == method && r.Pattern == pattern {
			return r.Op
		}
	}
	return noOp
}

// place is a path, taken apart: its pattern, the repository and the last segment, both decoded and not yet checked.
type place struct{ pattern, repo, last string }

// locate reads a path from the right, for a repository's name may hold any word, "blobs" and "tags" too.
func locate(escaped string) (place, bool) {
	rest, ok := strings.CutPrefix(escaped, "/v2")
	if ok && (rest == "" || rest == "/") {
		return place{pattern: pingPath}, true
	}
	rest, ok = strings.CutPrefix(rest, "/")
	if !ok {
		return place{}, false
	}
	s := strings.Split(rest, "/")
	for i := range s {
		text, err := url.PathUnescape(s[i])
		if err != nil || strings.Contains(text, "/") {
			return place{}, false
		}
		s[i] = text
	}
	n := len(s)
	if n == 1 && s[0] == "_catalog" {
		return place{pattern: catalogPath}, true
	}
	upTo := func(k int) string { return strings.Join(s[:n-k], "/") }
	switch {
	case n >= 4 && s[n-3] == "blobs" && s[n-2] == "uploads" && s[n-1] == "":
		return place{uploadsPath, upTo(3), ""}, true
	case n >= 3 && s[n-2] == "blobs" && s[n-1] == "uploads":
		return place{uploadsPath, upTo(2), ""}, true
	case n >= 3 && s[n-2] == "blobs":
		return place{blobPath, upTo(2), s[n-1]}, true
	case n >= 3 && s[n-2] == "manifests":
		return place{manifestPath, upTo(2), s[n-1]}, true
	case n >= 3 && s[n-2] == "referrers":
		return place{referrerPath, upTo(2), s[n-1]}, true
	case n >= 4 && s[n-3] == "blobs" && s[n-2] == "uploads":
		return place{uploadPath, upTo(3), s[n-1]}, true
	case n >= 3 && s[n-2] == "tags" && s[n-1] == "list":
		return place{tagsPath, upTo(2), ""}, true
	}
	return place{}, false
}
