package oci

import (
	"regexp"
	"strings"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// maxName is the longest repository name, in bytes: with a host and a reference it stays below what clients accept.
const maxName = 255

var (
	// nameForm and tagForm are <name> and <reference> as a tag of distribution spec 1.1, "Pulling manifests".
	nameForm   = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	// versionForm tells a tag that must be a version from one of ordinary content (design section 7).
	versionForm = regexp.MustCompile(`^v?[0-9]`)
)

// repository is a parsed name. Of a pack, path is the one spelling its rows go by.
type repository struct {
	path string
	// pack is the pack's name, "" for a repository that is none.
	namespace, pack string
}

func (r repository) isPack() bool { return r.pack != "" }

// parseRepository reads a repository name. KindInvalid, code name_invalid.
func parseRepository(name string) (repository, error) {
	if len(name) > maxName || !nameForm.MatchString(name) {
		return repository{}, pack.Errorf(pack.KindInvalid, "name_invalid",
			"a repository name is lower-case letters and digits, in parts joined by . _ __ or -, with / between them, and at most %d characters", maxName)
	}
	r := repository{path: name}
	cut := strings.LastIndexByte(name, '/') + 1
	prefix, ok := strings.CutSuffix("/"+name[:cut], "/"+registry.RepositoryFolder)
	if !ok {
		return r, nil
	}
	r.namespace, r.pack = strings.TrimPrefix(prefix, "/"), name[cut:]
	if r.namespace == "" {
		r.namespace = pack.DefaultNamespace
	}
	r.path = registry.Repository(r.namespace, r.pack)
	err := pack.ValidateNamespace(r.namespace)
	if err == nil {
		err = pack.ValidateName(r.pack)
	}
	if err != nil {
		return repository{}, &pack.Error{
			Kind: pack.KindInvalid, Code: "name_invalid", Err: err,
			Message: "this cannot be the repository of a pack: a namespace has at most four segments, a pack's name at most 128 characters",
		}
	}
	return r, nil
}

// isDigest tells a digest from a tag.
func isDigest(ref string) bool { return strings.Contains(ref, ":") }

// checkDigest accepts sha256 and sha512. KindInvalid, code digest_invalid.
func checkDigest(digest string) error {
	if !digestForm.MatchString(digest) {
		return pack.Errorf(pack.KindInvalid, "digest_invalid", "a digest is sha256: and 64, or sha512: and 128 lower-case hex digits")
	}
	return nil
}

// checkReference accepts a digest or what a tag may look like.
func checkReference(ref string) error {
	if isDigest(ref) {
		return checkDigest(ref)
	}
	return checkTag(ref)
}

func checkTag(tag string) error {
	if !tagForm.MatchString(tag) {
		return pack.Errorf(pack.KindInvalid, "tag_invalid", "a tag is at most 128 letters, digits and . _ -, and begins with none of . and -")
	}
	return nil
}

func notFound(code, format string, args ...any) error {
	return pack.Errorf(pack.KindNotFound, code, format, args...)
}

func manifestUnknown(ref string) error {
	return notFound("manifest_unknown", "there is no manifest %s in this repository", ref)
}

func blobUnknown(digest string) error {
	return notFound("blob_unknown", "there is no blob %s in this repository", digest)
}

func nameUnknown(name string) error {
	return notFound("name_unknown", "there is no repository %s", name)
}
