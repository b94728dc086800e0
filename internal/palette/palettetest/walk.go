package palettetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// archivePrefix is what repositories of packs begin with (contract 3.1).
func archivePrefix(base string) string {
	prefix := "spectro-packs/archive/"
	if base = strings.Trim(base, "/"); base != "" {
		prefix = base + "/" + prefix
	}
	return prefix
}

// errStopped is a sync that broke off on demand.
var errStopped = errors.New("the sync was interrupted")

// walk is one reading of a registry.
type walk struct {
	src      *source
	known    func(name, version, digest string) bool
	show     func(*version) bool
	seen     map[string]bool // name and version
	problems []string
	left     int // versions until it breaks off; 0 is never
}

// oci reads as contract 3.4 has it: the catalogue, tags, manifests, blobs. What is wrong with one pack keeps that pack from
// being shown and no other: how the real one fails in part is not known.
func (w *walk) oci(ctx context.Context, base string) error {
	if err := w.src.ping(ctx); err != nil {
		return err
	}
	repos, err := w.src.list(ctx, "/v2/_catalog", "repositories")
	if err != nil {
		return err
	}
	for _, repo := range repos {
		name, ok := strings.CutPrefix(repo, archivePrefix(base))
		if !ok {
			continue
		}
		if strings.Contains(name, "/") {
			w.problem(repo, "", errors.New("the repository lies too deep to be a pack"))
			continue
		}
		tags, err := w.src.list(ctx, "/v2/"+repo+"/tags/list", "tags")
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			w.problem(repo, "", err)
			continue
		}
		for _, tag := range tags {
			if err := w.version(ctx, repo, name, tag); err != nil {
				return err
			}
		}
	}
	return nil
}

// version shows one version; its error ends the walk.
func (w *walk) version(ctx context.Context, repo, name, tag string) error {
	key := keyOf(name, tag)
	w.seen[key] = true
	_, digest, err := w.src.manifest(ctx, repo, tag)
	if err == nil && w.known(name, tag, digest) {
		return nil
	}
	var v *version
	if err == nil {
		v, err = w.src.pack(ctx, repo, digest, name, tag)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case isStatus(err, http.StatusUnauthorized), isStatus(err, http.StatusForbidden):
		return err // it is so for all
	case err != nil:
		delete(w.seen, key)
		w.problem(repo, tag, err)
		return nil
	case !w.show(v):
		return errStopped
	}
	if w.left > 0 {
		if w.left--; w.left == 0 {
			return errStopped
		}
	}
	return nil
}

func (w *walk) problem(repo, tag string, err error) {
	if tag != "" {
		repo += ":" + tag
	}
	w.problems = append(w.problems, fmt.Sprintf("%s: %v", repo, err))
}

// legacy shows names without versions: how versions are read is not known (contract 1.7 and 7.1).
func (w *walk) legacy(ctx context.Context) error {
	names, err := w.src.legacyCatalog(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		v := &version{Name: name}
		w.seen[v.key()] = true
		if !w.show(v) {
			return errStopped
		}
	}
	return nil
}
