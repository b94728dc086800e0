package registry

import (
	"bytes"
	"context"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Stored is a publish of a tar.gz that is a blob already, together with the OCI manifest that names it.
type Stored struct {
	// Upload says where; its Body reads the tar.gz.
	Upload
	// Manifest becomes the manifest of the version. Its Blobs are in the store and rows refer to them.
	Manifest db.OCIManifest
	// ManifestBytes are the manifest, byte for byte.
	ManifestBytes []byte
	// Overwrite lets the content move, also where Config.Overwrite does not.
	Overwrite bool
}

// packManifest is a manifest on its way with its bytes.
type packManifest struct {
	db.OCIManifest
	bytes     []byte
	overwrite bool
}

// blobs are what the manifest needs in the store. Only its own bytes can be put.
func (m *packManifest) blobs() []blob {
	out := []blob{{digest: m.Blob, size: m.Size, src: bytes.NewReader(m.bytes)}}
	for _, b := range m.Blobs {
		out = append(out, blob{digest: b.Blob, size: b.Size})
	}
	return out
}

// PublishStored publishes like Publish, by the same rules, and makes the manifest the version's in the same
// transaction. When the content is there already only the manifest is set, which is no change for the feed. A zip
// is KindBadPack: the layer of a pack is a tar.gz. Other errors as Publish; KindNotFound, code
// manifest_blob_unknown, for a blob of the manifest that has gone meanwhile.
func (r *Registry) PublishStored(ctx context.Context, s Stored) (*Published, error) {
	p, err := r.publishStored(ctx, s)
	r.counts.publish(p, err)
	return p, err
}

func (r *Registry) publishStored(ctx context.Context, s Stored) (*Published, error) {
	if err := checkUpload(s.Upload); err != nil {
		return nil, err
	}
	spool, report, err := r.receive(ctx, s.Body)
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	if report.Format != pack.FormatTarGz {
		return nil, pack.BadPack([]pack.Finding{{
			Rule: pack.RuleLayer, Severity: pack.SeverityError,
			Message: "the layer is a zip; push the pack as a tar.gz, or upload the zip over REST",
		}})
	}
	return r.accept(ctx, s.Upload, spool, report, &packManifest{
		OCIManifest: s.Manifest, bytes: s.ManifestBytes, overwrite: s.Overwrite,
	})
}

// setManifest moves a version to another manifest of the same content.
func (r *Registry) setManifest(ctx context.Context, v *pack.Version, m *packManifest, by string) error {
	blobs := m.blobs()
	digests := make([]pack.Digest, len(blobs))
	for i, b := range blobs {
		digests[i] = b.digest
	}
	lease, err := r.cfg.DB.Lease(ctx, digests, r.cfg.LeaseTTL)
	if err != nil {
		return err
	}
	defer r.release(ctx, lease)
	reused, err := r.putAll(ctx, blobs)
	if err != nil {
		return err
	}
	if err := r.cfg.DB.SetPackManifest(ctx, v.RevisionID, m.OCIManifest, lease); err != nil {
		return err
	}
	if _, err := r.putAll(ctx, reused); err != nil {
		return err
	}
	r.audit(ctx, "manifest.set", by, v.Namespace, v.Name, v.Version, "digest", m.Digest)
	return nil
}
