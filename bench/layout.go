package main

import (
	"errors"
	"os"
	"path/filepath"
)

// layout is docker-registry's folder with a catalogue.
func (b *bench) layout(name string) string { return filepath.Join(b.work, "docker-"+name) }

// dockerLayout lays a catalogue out as docker-registry does, so that a hundred thousand versions need no hour of
// pushing. Without manifests there are only the tags, which is all that a walk without digests reads.
func (b *bench) dockerLayout(name string, manifests bool) error {
	return b.onlyOnce("the catalogue "+name+" for docker-registry", func() error {
		s := b.shapes[name]
		rare := newGenerator().rare
		v2 := filepath.Join(b.layout(name), "docker", "registry", "v2")
		for i := range s.packs {
			repo := filepath.Join(v2, "repositories", packName(rare, i))
			if err := os.MkdirAll(filepath.Join(repo, "_layers"), 0o755); err != nil {
				return err
			}
			for k := range s.each {
				version := versionOf(i, k)
				m := newArchived("", "", dockerManifest(digestOf(name+version).Hex(), 40_000+i, digestOf("config").Hex(), packName(rare, i)+"-"+version))
				if err := layTag(v2, repo, version, m, manifests); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func layTag(v2, repo, tag string, m archived, whole bool) error {
	link := []byte("sha256:" + m.hex)
	tagDir := filepath.Join(repo, "_manifests", "tags", tag)
	err := put(filepath.Join(tagDir, "current", "link"), link)
	if !whole {
		return err
	}
	return errors.Join(err,
		put(filepath.Join(tagDir, "index", "sha256", m.hex, "link"), link),
		put(filepath.Join(repo, "_manifests", "revisions", "sha256", m.hex, "link"), link),
		put(filepath.Join(v2, "blobs", "sha256", m.hex[:2], m.hex, "data"), m.bytes))
}

func put(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
