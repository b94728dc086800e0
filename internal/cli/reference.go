package cli

import (
	"strings"

	"packregistry/internal/pack"
)

// target is a pack, or one of its versions, as the command line names it: [NAMESPACE/]NAME[:TAG|@DIGEST].
type target struct {
	namespace string // "" when none was written
	name      string
	ref       string // version, tag, "latest" or digest; "" when none was written
}

// parseTarget reads a target. Its error is a usage error.
func parseTarget(s string) (target, error) {
	var t target
	path, ref, digest := strings.Cut(s, "@")
	if !digest {
		path, ref, _ = strings.Cut(s, ":")
	}
	t.ref = ref
	if path != s && ref == "" {
		return target{}, usagef("%q ends where a tag or a digest should be", s)
	}
	t.name = path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		t.namespace, t.name = path[:i], path[i+1:]
		if err := pack.ValidateNamespace(t.namespace); err != nil {
			return target{}, usagef("%q: %s", s, message(err))
		}
	}
	if err := pack.ValidateName(t.name); err != nil {
		return target{}, usagef("%q: %s", s, message(err))
	}
	var err error
	switch {
	case digest:
		_, err = pack.ParseDigest(t.ref)
	case t.ref != "":
		_, err = pack.ParseReference(t.ref)
	}
	if err != nil {
		return target{}, usagef("%q: %s", s, message(err))
	}
	return t, nil
}
