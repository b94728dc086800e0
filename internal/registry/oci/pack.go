package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// A repository <namespace>/spectro-packs/archive/<name> is the pack: its tags are its versions, and a push under a tag
// that begins like a version is a publish. Everything else in it is ordinary content.

// isVersion tells the tags that are versions or nothing (design section 7).
func isVersion(tag string) bool { return versionForm.MatchString(tag) }

// pushPack publishes the archive that a manifest names, and gives the warnings about it.
func (c *Core) pushPack(ctx context.Context, r repository, p *Put, m *parsed, row db.OCIManifest, versions []string) ([]string, error) {
	if err := checkShape(m, versions); err != nil {
		return nil, err
	}
	layer, err := c.find(ctx, r, m.Layers[0].Digest)
	if err != nil {
		return nil, blobMissing(err, m.Layers[0].Digest)
	}
	config, err := c.find(ctx, r, m.Config.Digest)
	if err != nil {
		return nil, blobMissing(err, m.Config.Digest)
	}
	for i, f := range []*found{config, layer} {
		if said := m.content()[i].Size; said != f.Size {
			return nil, badPack([]pack.Finding{{
				Rule: pack.RuleManifestSize, Severity: pack.SeverityError, Message: fmt.Sprintf("the manifest says that %s has %d bytes, but it has %d", f.Digest, said, f.Size),
			}})
		}
		if f.link != nil {
			row.Blobs = append(row.Blobs, *f.link)
		}
	}
	row.Subject = ""
	body, err := layer.Open(ctx, 0, -1)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	done, err := c.cfg.Registry.PublishStored(ctx, registry.Stored{
		Upload:   registry.Upload{Namespace: r.namespace, Body: body, Name: r.pack, Version: versions[0], By: p.By},
		Manifest: row, ManifestBytes: p.Body,
		Overwrite: c.cfg.Overwrite != nil && c.cfg.Overwrite(r.namespace),
	})
	if err != nil {
		return nil, refusal(err, r, versions[0])
	}
	// The version keeps its blobs now. The rights from the push would outlive it.
	for _, b := range row.Blobs {
		err := c.cfg.OCI.DeleteOCIBlob(ctx, r.path, b.Digest)
		if err != nil && !pack.IsKind(err, pack.KindNotFound) && !pack.IsKind(err, pack.KindConflict) {
			c.cfg.Log.WarnContext(ctx, "the right to a pushed blob was not ended; it ends by itself", "digest", b.Digest, "error", err)
		}
	}
	return append(shapeWarnings(m), warnings(done.Version)...), nil
}

// shapeWarnings tells what Palette may not like about a manifest that is lawful otherwise (palette-contract 3.3).
func shapeWarnings(m *parsed) []string {
	var out []string
	if title := m.Layers[0].Annotations[titleKey]; title == "" || strings.Contains(title, "/") {
		out = append(out, "the layer has no bare file name as its "+titleKey+"; Palette may not recognise the pack")
	}
	if m.ArtifactType != "" || m.MediaType != typeManifest {
		out = append(out, "the manifest is not of the kind that oras 1.0 writes, which is what Palette expects; newer ones do with --image-spec v1.0")
	}
	return out
}

// checkShape demands one layer, and one version. The other rules are about what the layer holds.
func checkShape(m *parsed, versions []string) error {
	var fs []pack.Finding
	add := func(rule, format string, args ...any) {
		fs = append(fs, pack.Finding{Rule: rule, Severity: pack.SeverityError, Message: fmt.Sprintf(format, args...)})
	}
	if m.MediaType != typeManifest && m.MediaType != typeDockerManifest {
		add(pack.RuleManifestType, "under a version a pack is pushed as an image manifest, not as %s; push other content under another tag or by digest", m.MediaType)
	} else if len(m.Layers) != 1 {
		add(pack.RuleManifestLayers, "the manifest of a pack has one layer, the tar.gz; this one has %d", len(m.Layers))
	}
	if len(versions) > 1 {
		add(pack.RuleVersionMismatch, "a pack has one version, but %d tags look like versions: %s", len(versions), versions)
	}
	if fs == nil {
		return nil
	}
	return badPack(fs)
}

func badPack(fs []pack.Finding) error {
	e := pack.BadPack(fs)
	e.Code = "manifest_invalid"
	return e
}

// refusal gives the core's refusals the words of this face.
func refusal(err error, r repository, version string) error {
	var e *pack.Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Kind == pack.KindBadPack:
		return badPack(e.Findings)
	case e.Kind == pack.KindUnsupported:
		return badPack([]pack.Finding{{
			Rule: pack.RuleLayer, Severity: pack.SeverityError, Message: "the layer is no tar.gz; push the pack's folder packed with tar and gzip",
		}})
	case e.Code == "version_exists":
		return &pack.Error{Kind: pack.KindForbidden, Code: "denied", Err: err, Message: "version " + version + " of pack " + r.pack +
			" is already there with other content; push a new version, or replace it over REST with force=true and a message, or have" +
			" an administrator set namespaces." + r.namespace + ".overwrite (the old content stays fetchable by its digest)"}
	}
	return err
}

// warnings tells what is stored with a version, for Warning headers.
func warnings(v *pack.Version) []string {
	var out []string
	for _, f := range v.Warnings {
		text := f.Message
		if f.File != "" {
			text = f.File + ": " + text
		}
		out = append(out, text)
	}
	return out
}

// packManifest finds the manifest of a version, which it makes when the version came without one and nobody has asked
// before, or one of any kept revision by its digest.
func (c *Core) packManifest(ctx context.Context, r repository, ref string) (*db.OCIManifest, error) {
	m, err := c.cfg.OCI.PackManifest(ctx, r.namespace, r.pack, ref)
	if err == nil {
		return &m.OCIManifest, nil
	}
	if !pack.IsKind(err, pack.KindNotFound) || isDigest(ref) {
		return nil, err
	}
	v, err := c.version(ctx, r, ref)
	if err != nil {
		return nil, err
	}
	body := layerManifest(v)
	row := db.OCIManifest{
		Digest: string(blobDigest(body)), Blob: blobDigest(body), Size: int64(len(body)), MediaType: typeManifest,
		ArtifactType: packConfigType, Annotations: map[string]string{createdKey: created(v)},
	}
	bytes := blob{digest: row.Blob, size: row.Size, src: bytes.NewReader(body)}
	err = c.commit(ctx, []blob{bytes}, func(lease db.LeaseID) (err error) {
		m, err = c.cfg.OCI.FirstPackManifest(ctx, v.RevisionID, row, lease)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &m.OCIManifest, nil
}

// version resolves a tag that is a version, and nothing else that REST would take for one.
func (c *Core) version(ctx context.Context, r repository, tag string) (*pack.Version, error) {
	if pack.ValidateVersion(tag) != nil {
		return nil, manifestUnknown(tag)
	}
	v, err := c.cfg.Registry.Resolve(ctx, r.namespace, r.pack, tag)
	if pack.IsKind(err, pack.KindNotFound) || (err == nil && v.Version != tag) {
		return nil, manifestUnknown(tag)
	}
	return v, err
}

// The words of a manifest as ORAS 1.0 writes it (palette-contract 3.3).
const (
	packConfigType = "application/vnd.unknown.config.v1+json"
	packLayerType  = "application/vnd.oci.image.layer.v1.tar"
	createdKey     = "org.opencontainers.image.created"
	titleKey       = "org.opencontainers.image.title"
)

// layerManifest is the manifest of a pack that came without one. Its bytes are given by the version alone, whatever
// encoding/json does one day; nothing in it needs escaping.
func layerManifest(v *pack.Version) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%s",`+
		`"config":{"mediaType":"%s","digest":"%s","size":%d},`+
		`"layers":[{"mediaType":"%s","digest":"%s","size":%d,"annotations":{"%s":"%s-%s.tar.gz"}}],`+
		`"annotations":{"%s":"%s"}}`,
		typeManifest, packConfigType, blobDigest([]byte(emptyJSON)), len(emptyJSON),
		packLayerType, v.TarGzDigest, v.TarGzSize, titleKey, v.Name, v.Version, createdKey, created(v))
}

func created(v *pack.Version) string { return v.PushedAt.UTC().Format(time.RFC3339) }

// findOfPack finds what belongs to a version without having been pushed to the repository: the blobs of its manifest,
// the layer made from a zip, the empty config.
func (c *Core) findOfPack(ctx context.Context, r repository, digest string) (*found, error) {
	link, err := c.cfg.OCI.PackBlob(ctx, r.namespace, r.pack, digest)
	if err == nil {
		return &found{Blob: c.stored(r, link), link: link}, nil
	}
	if !pack.IsKind(err, pack.KindNotFound) {
		return nil, err
	}
	ref := digest
	empty := digest == digestOf(digest, []byte(emptyJSON))
	if empty {
		ref = "latest" // any version will do
	} else if isLong(digest) {
		return nil, blobUnknown(digest)
	}
	v, err := c.cfg.Registry.Resolve(ctx, r.namespace, r.pack, ref)
	switch {
	case pack.IsKind(err, pack.KindNotFound):
		return nil, blobUnknown(digest)
	case err != nil:
		return nil, err
	case empty:
		return &found{Blob: memory(digest, []byte(emptyJSON))}, nil
	case string(v.TarGzDigest) != digest:
		return nil, blobUnknown(digest) // the zip is no blob of this face
	}
	layer, err := c.cfg.Registry.Archive(ctx, v, pack.FormatTarGz)
	if err != nil {
		return nil, err
	}
	return &found{Blob: &Blob{Digest: digest, Size: layer.Size, Open: layer.Open, Link: layer.Link}}, nil
}

// packTags lists the versions of a pack in byte order.
func (c *Core) packTags(ctx context.Context, r repository) ([]string, error) {
	p, err := c.cfg.DB.Pack(ctx, r.namespace, r.pack)
	if pack.IsKind(err, pack.KindNotFound) {
		// Ordinary content alone makes a repository, without versions.
		if _, err := c.cfg.OCI.OCITags(ctx, r.path, 1, ""); err != nil {
			return nil, err
		}
		return []string{}, nil
	}
	if err != nil {
		return nil, err
	}
	tags := make([]string, len(p.Versions))
	for i, v := range p.Versions {
		tags[i] = v.Version
	}
	slices.Sort(tags)
	return tags, nil
}
