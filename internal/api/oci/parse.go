package oci

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"packregistry/internal/pack"
)

// maxRepo is the longest name of a repository, in bytes: what clients accept together with a host name.
const maxRepo = 255

// maxTags is the most tags that one manifest is pushed under at once. The spec asks for at least ten.
const maxTags = 100

// maxQuery bounds what a query may carry in one value.
const maxQuery = 1024

var (
	repoForm   = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	digestForm = regexp.MustCompile(`^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$`)
	uploadForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	rangeForm  = regexp.MustCompile(`^(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:/(?:\*|[0-9]{1,18}))?$`)
)

// Request is a request in the words of the spec. Which fields are set goes by Op; those that are set are well-formed.
type Request struct {
	Op      Op
	Pattern string // "" when the path is none of ours

	Repo      string
	Reference string // a tag or a digest
	Digest    string // of the path or of ?digest=
	Upload    string
	Tags      []string // ?tag=, each once

	Mount, From string
	N           int // -1 when not given
	Last        string

	ArtifactType string
	Range        *Range // of Content-Range
}

// Range is the place of a chunk in its blob, in bytes, both ends inclusive.
type Range struct{ First, Last int64 }

// Len is the number of bytes.
func (r Range) Len() int64 { return r.Last - r.First + 1 }

// Text is all of a request that Parse looks at.
type Text struct {
	Method       string
	Path         string // escaped, without the server's prefix
	Query        string
	ContentRange string
}

// Parse reads a request. With an error Op and Pattern still say what was wanted, as far as the path tells, so that
// who may not even ask is told that first.
func Parse(t Text) (Request, error) {
	where, ok := locate(t.Path)
	if !ok {
		return Request{N: -1}, pack.Errorf(pack.KindNotFound, "route_not_found", "there is nothing at this path")
	}
	r := Request{Op: opOf(t.Method, where.pattern), Pattern: where.pattern, N: -1}
	if r.Op == noOp {
		return r, pack.Errorf(pack.KindUnsupported, "method_not_allowed", "this path does not answer this method")
	}
	query, err := url.ParseQuery(t.Query)
	if err != nil {
		return r, pack.Errorf(pack.KindInvalid, "query_invalid", "the query string is not well-formed; percent-encode special characters")
	}
	for _, step := range []func(place, url.Values) error{r.setPlace, r.setUpload, r.setTags, r.setPage} {
		if err := step(where, query); err != nil {
			return r, err
		}
	}
	if r.Op == Referrers {
		if r.ArtifactType, err = single(query, "artifactType"); err == nil {
			r.Last, err = single(query, "last")
		}
	}
	if t.ContentRange != "" && (r.Op == UploadAppend || r.Op == UploadFinish) && err == nil {
		r.Range, err = parseRange(t.ContentRange)
	}
	return r, err
}

func (r *Request) setPlace(where place, _ url.Values) error {
	if r.Op == Ping || r.Op == Catalog {
		return nil
	}
	if len(where.repo) > maxRepo || !repoForm.MatchString(where.repo) {
		return pack.Errorf(pack.KindInvalid, "name_invalid",
			"a repository's name has at most 255 characters: lower-case letters and digits in parts joined by . _ __ or -, and / between")
	}
	r.Repo = where.repo
	switch where.pattern {
	case manifestPath:
		r.Reference = where.last
		return r.checkReference()
	case blobPath, referrerPath:
		r.Digest = where.last
		return checkDigest(r.Digest)
	case uploadPath:
		r.Upload = where.last
		if !uploadForm.MatchString(r.Upload) {
			return pack.Errorf(pack.KindNotFound, "blob_upload_unknown", "there is no such upload; start one with POST")
		}
	}
	return nil
}

func (r *Request) checkReference() error {
	switch {
	case strings.Contains(r.Reference, ":"):
		return checkDigest(r.Reference)
	case tagForm.MatchString(r.Reference):
		return nil
	case r.Op == ManifestPut:
		return badTag()
	}
	return pack.Errorf(pack.KindNotFound, "manifest_unknown", "there is no manifest of this name, for it cannot be a tag")
}

func (r *Request) setUpload(_ place, query url.Values) error {
	var err error
	switch r.Op {
	case UploadStart:
		if r.Mount, err = single(query, "mount"); err == nil && r.Mount != "" {
			err = checkDigest(r.Mount)
		}
		if err != nil {
			return err
		}
		// A source that cannot be is a source that does not have the blob: the client uploads.
		if from := query.Get("from"); len(from) <= maxRepo && repoForm.MatchString(from) {
			r.From = from
		}
		if algorithm := query.Get("digest-algorithm"); algorithm != "" && algorithm != "sha256" && algorithm != "sha512" {
			return pack.Errorf(pack.KindInvalid, "digest_invalid", "this server knows the digest algorithms sha256 and sha512")
		}
		if r.Digest, err = single(query, "digest"); err == nil && r.Digest != "" {
			err = checkDigest(r.Digest)
		}
	case UploadFinish:
		if r.Digest, err = single(query, "digest"); err == nil {
			err = checkDigest(r.Digest)
		}
	}
	return err
}

func (r *Request) setTags(_ place, query url.Values) error {
	if r.Op != ManifestPut {
		return nil
	}
	seen := map[string]bool{}
	for _, tag := range query["tag"] {
		switch {
		case !tagForm.MatchString(tag):
			return badTag()
		case len(seen) == maxTags:
			return pack.Errorf(pack.KindInvalid, "tag_invalid", "a manifest is pushed under at most %d tags at once", maxTags)
		case !seen[tag]:
			seen[tag] = true
			r.Tags = append(r.Tags, tag)
		}
	}
	return nil
}

func (r *Request) setPage(_ place, query url.Values) error {
	if r.Op != TagList && r.Op != Catalog {
		return nil
	}
	text, err := single(query, "n")
	if err != nil {
		return err
	}
	if text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return pack.Errorf(pack.KindInvalid, "page_invalid", "the parameter n must be a number that is not negative")
		}
		r.N = int(n)
	}
	r.Last, err = single(query, "last")
	return err
}

// single is a parameter that is given once and is not unreasonably long.
func single(query url.Values, name string) (string, error) {
	values := query[name]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || len(values[0]) > maxQuery || strings.ContainsRune(values[0], 0) {
		return "", pack.Errorf(pack.KindInvalid, "query_invalid", "the parameter %s must be given once, with a sensible value", name)
	}
	return values[0], nil
}

func checkDigest(digest string) error {
	if !digestForm.MatchString(digest) {
		return pack.Errorf(pack.KindInvalid, "digest_invalid", "a digest is sha256: and 64, or sha512: and 128, lower-case hex digits")
	}
	return nil
}

func badTag() error {
	return pack.Errorf(pack.KindInvalid, "tag_invalid", "a tag has at most 128 characters: letters, digits, _ . and -, the first no . or -")
}

// parseRange reads Content-Range of a chunk, "0-1023" (spec, Pushing a blob in chunks); the form of RFC 9110 is understood too.
func parseRange(header string) (*Range, error) {
	m := rangeForm.FindStringSubmatch(header)
	if m == nil {
		return nil, pack.Errorf(pack.KindInvalid, "blob_upload_invalid", "Content-Range is the first and the last byte of the chunk, such as 0-1023")
	}
	// The form bounds both numbers, so neither can overflow.
	first, _ := strconv.ParseInt(m[1], 10, 64)
	last, _ := strconv.ParseInt(m[2], 10, 64)
	if last < first {
		return nil, pack.Errorf(pack.KindInvalid, "blob_upload_invalid", "Content-Range ends before it begins")
	}
	return &Range{first, last}, nil
}
