package registry

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/check"
	"packregistry/internal/storage"
)

// MaxMessage is the longest message of a publish, in bytes.
const MaxMessage = 4096

// Publish takes an archive in, in the order of design section 3: spool and hash,
// read and check, lease, blobs, one transaction. When it returns nil the version
// survives a crash. After an error of KindUnavailable or of the context it may
// have happened or not; the same upload again is safe and tells.
//
// Errors: KindInvalid (namespace, message_required, an upload that ends early),
// KindTooLarge, KindUnsupported, KindBadPack with findings, KindConflict
// (version_exists), KindPrecondition, KindNoSpace, KindUnavailable.
func (r *Registry) Publish(ctx context.Context, u Upload) (*Published, error) {
	p, err := r.publish(ctx, u)
	r.counts.publish(p, err)
	return p, err
}

func (r *Registry) publish(ctx context.Context, u Upload) (*Published, error) {
	if err := checkUpload(u); err != nil {
		return nil, err
	}
	spool, report, err := r.receive(ctx, u.Body)
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	return r.accept(ctx, u, spool, report, nil)
}

// accept decides about an archive that has been received and inspected, and makes it true. With a
// manifest, that becomes the OCI manifest of the version, also of one that is there already.
func (r *Registry) accept(ctx context.Context, u Upload, spool *storage.Spool, report *check.Report, m *packManifest) (*Published, error) {
	findings := append(report.Findings, coordinates(u, report.Metadata)...)
	if pack.HasError(findings) {
		return nil, pack.BadPack(findings)
	}
	overwrite := (r.cfg.Overwrite != nil && r.cfg.Overwrite(u.Namespace)) || (m != nil && m.overwrite)
	if u.IfMatch == "" && !u.IfNoneMatch {
		done, err := r.settled(ctx, u, overwrite, report)
		if done != nil && err == nil {
			err = r.mend(ctx, done.Version, spool)
		}
		if done != nil && err == nil && m != nil {
			if err = r.setManifest(ctx, done.Version, m, u.By); pack.IsKind(err, pack.KindNotFound) {
				done, err = nil, nil // deleted meanwhile: it is to be published after all
			}
		}
		if done != nil || err != nil {
			return done, err
		}
	}
	forms, err := r.prepare(ctx, spool, report)
	if err != nil {
		return nil, err
	}
	defer forms.close()

	pub := db.Publication{
		Version: r.document(u, report, forms),
		Files:   forms.files, Readme: report.Readme,
		Force: u.Force, Overwrite: overwrite,
		IfMatch: u.IfMatch, IfNoneMatch: u.IfNoneMatch,
	}
	blobs := forms.blobs
	if m != nil {
		pub.Manifest = &m.OCIManifest
		blobs = append(blobs, m.blobs()...)
	}
	v, outcome, err := r.commit(ctx, pub, blobs)
	if err != nil {
		return nil, conflictHelp(err, pub.Version.Name, pub.Version.Version)
	}
	if outcome != db.Same {
		r.audit(ctx, "publish", u.By, u.Namespace, v.Name, v.Version,
			"digest", string(v.Digest), "revision", v.Revision, "outcome", string(outcome), "message", u.Message)
	}
	return &Published{Version: v, Outcome: outcome}, nil
}

// checkUpload refuses what can be refused before a byte of the body is read.
func checkUpload(u Upload) error {
	if err := pack.ValidateNamespace(u.Namespace); err != nil {
		return err
	}
	if u.Force && strings.TrimSpace(u.Message) == "" {
		return pack.Errorf(pack.KindInvalid, "message_required",
			"force needs a message that says why the content changes")
	}
	if len(u.Message) > MaxMessage {
		return pack.Errorf(pack.KindInvalid, "message_invalid", "the message is longer than %d bytes", MaxMessage)
	}
	control := func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' && c != '\r' }
	if !utf8.ValidString(u.Message) || strings.ContainsFunc(u.Message, control) {
		return pack.Errorf(pack.KindInvalid, "message_invalid", "the message must be plain UTF-8 text without control characters")
	}
	return nil
}

// receive spools a body and inspects it. The caller closes the spool.
func (r *Registry) receive(ctx context.Context, body io.Reader) (_ *storage.Spool, _ *check.Report, err error) {
	spool := storage.NewLazySpool(r.cfg.SpoolDir)
	defer func() {
		if err != nil {
			spool.Close()
		}
	}()
	if err := spool.Fill(&uploadBody{ctx: ctx, r: body}, r.cfg.ArchiveLimit); err != nil {
		return nil, nil, err
	}
	report, err := r.cfg.Checker.Inspect(ctx, spool, spool.Size())
	if err != nil {
		return nil, nil, err
	}
	return spool, report, nil
}

// uploadBody ends with the context and gives a broken upload a kind: a client that
// went away is not a failure of the server.
type uploadBody struct {
	ctx context.Context
	r   io.Reader
}

func (b *uploadBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	var known *pack.Error
	if errors.As(err, &known) || b.ctx.Err() != nil {
		return n, err
	}
	return n, &pack.Error{Kind: pack.KindInvalid, Code: "upload_incomplete", Message: "the upload ended before it was complete; send it again", Err: err}
}

// coordinates compares what the request says with what pack.json says.
func coordinates(u Upload, m pack.Metadata) []pack.Finding {
	var fs []pack.Finding
	add := func(rule, pointer, what, asked, got string) {
		fs = append(fs, pack.Finding{
			Rule: rule, Severity: pack.SeverityError, File: "pack.json", Pointer: pointer,
			Message: "the " + what + " in pack.json is " + strconv.Quote(got) + ", but the request says " + strconv.Quote(asked) + "; make them the same",
		})
	}
	if u.Name != "" && m.Name != "" && u.Name != m.Name {
		add(pack.RuleNameMismatch, "/name", "name", u.Name, m.Name)
	}
	if u.Version != "" && m.Version != "" && u.Version != m.Version {
		add(pack.RuleVersionMismatch, "/version", "version", u.Version, m.Version)
	}
	return fs
}

// settled answers without writing when a look at the catalogue suffices: the
// same content is there, or other content that this upload may not replace.
func (r *Registry) settled(ctx context.Context, u Upload, overwrite bool, report *check.Report) (*Published, error) {
	m := report.Metadata
	content, err := r.cfg.DB.ContentDigest(ctx, u.Namespace, m.Name, m.Version)
	switch {
	case pack.IsKind(err, pack.KindNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case content == report.ContentDigest:
		v, err := r.cfg.DB.Resolve(ctx, u.Namespace, m.Name, pack.Reference{Label: m.Version})
		switch {
		case pack.IsKind(err, pack.KindNotFound):
			return nil, nil // deleted meanwhile
		case err != nil:
			return nil, err
		case v.Version != m.Version || v.ContentDigest != content:
			return nil, nil // replaced meanwhile: the transaction decides
		}
		return &Published{Version: v, Outcome: db.Same}, nil
	case !u.Force && !overwrite:
		return nil, conflictHelp(pack.Errorf(pack.KindConflict, "version_exists", ""), m.Name, m.Version)
	}
	return nil, nil
}

// conflictHelp says what to do about version_exists; other errors pass.
func conflictHelp(err error, name, version string) error {
	var e *pack.Error
	if !errors.As(err, &e) || e.Code != "version_exists" {
		return err
	}
	return &pack.Error{
		Kind: pack.KindConflict, Code: "version_exists", Err: e.Err,
		Message: "version " + version + " of pack " + name + " is already there with other content; publish a new version, " +
			"or replace it with force=true and a message that says why (the old content stays fetchable by its digest)",
	}
}

// document fills the version document; db.Publish decides Revision, RevisionID and Tags.
func (r *Registry) document(u Upload, report *check.Report, f *forms) pack.Version {
	m := report.Metadata
	v := pack.Version{
		Namespace: u.Namespace, Name: m.Name, Version: m.Version,
		DisplayName: m.DisplayName, Layer: m.Layer, AddonType: m.AddonType, CloudTypes: m.CloudTypes,
		Group: m.Group, EOL: m.EOL, Annotations: m.Annotations,
		Digest: f.zip.digest, Size: f.zip.size, MediaType: pack.FormatZip.MediaType(),
		ContentDigest: report.ContentDigest,
		TarGzDigest:   f.tarGz.digest, TarGzSize: f.tarGz.size, TarGzStored: report.Format == pack.FormatTarGz,
		Message: u.Message, Deprecated: m.Deprecated(),
		// Both databases keep microseconds.
		PushedBy: u.By, PushedAt: r.cfg.Now().UTC().Truncate(time.Microsecond),
		Manifest: m.Manifest, Warnings: []pack.Finding{},
	}
	// The answer to a publish is the document that is read later: [] and {}, not null.
	if v.CloudTypes == nil {
		v.CloudTypes = []string{}
	}
	if v.Annotations == nil {
		v.Annotations = map[string]string{}
	}
	for _, finding := range report.Findings {
		if finding.Severity == pack.SeverityWarning {
			v.Warnings = append(v.Warnings, finding)
		}
	}
	return v
}

// commit puts the blobs under a lease, bytes first, and then makes them true.
func (r *Registry) commit(ctx context.Context, pub db.Publication, blobs []blob) (_ *pack.Version, _ db.Outcome, err error) {
	digests := make([]pack.Digest, len(blobs))
	for i, b := range blobs {
		digests[i] = b.digest
	}
	pub.Lease, err = r.cfg.DB.Lease(ctx, digests, r.cfg.LeaseTTL)
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if err != nil {
			r.release(ctx, pub.Lease)
		}
	}()
	reused, err := r.putAll(ctx, blobs)
	if err != nil {
		return nil, "", err
	}
	// The head may have moved even if Publish says that it does not know.
	defer r.moved()
	v, outcome, err := r.cfg.DB.Publish(ctx, pub)
	if err != nil {
		return nil, "", err
	}
	// A sweep that lost its database connection, and with it the row lock, in the middle of a delete does
	// not see the lease. Nothing is acknowledged before what was reused has been seen after the transaction.
	if _, err := r.putAll(ctx, reused); err != nil {
		return nil, "", err
	}
	return v, outcome, nil
}

// putAll stores what is not there yet and gives back what was.
func (r *Registry) putAll(ctx context.Context, blobs []blob) (reused []blob, err error) {
	for _, b := range blobs {
		stored, err := r.put(ctx, b)
		if err != nil {
			return nil, err
		}
		if !stored {
			reused = append(reused, b)
		}
	}
	return reused, nil
}

// put stores a blob that is not there yet, and reports whether it had to.
func (r *Registry) put(ctx context.Context, b blob) (stored bool, err error) {
	info, err := r.cfg.Store.Stat(ctx, b.digest)
	if err == nil && info.Size == b.size {
		return false, nil
	}
	if err != nil && !pack.IsKind(err, pack.KindNotFound) {
		return false, err
	}
	if b.src == nil {
		return false, pack.Errorf(pack.KindNotFound, "manifest_blob_unknown", "the blob %s is not there any more; push it again", b.digest)
	}
	return true, r.cfg.Store.Put(ctx, b.digest, b.src)
}

// mend puts back the blob of a version that the same bytes are uploaded for, when the store has lost it.
// The version refers to the blob, so no lease is needed.
func (r *Registry) mend(ctx context.Context, v *pack.Version, spool *storage.Spool) error {
	d := spool.Digest()
	if d != v.Digest && (d != v.TarGzDigest || !v.TarGzStored) {
		return nil
	}
	stored, err := r.put(ctx, blob{digest: d, size: spool.Size(), src: spool})
	if stored && err == nil {
		r.cfg.Log.WarnContext(ctx, "a lost blob was put back from an upload of the same bytes",
			"namespace", v.Namespace, "name", v.Name, "version", v.Version, "digest", string(d))
	}
	return err
}

// releaseTimeout bounds giving a lease back; an unreturned one runs out by itself.
const releaseTimeout = 5 * time.Second

func (r *Registry) release(ctx context.Context, id db.LeaseID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := r.cfg.DB.Release(ctx, id); err != nil {
		r.cfg.Log.WarnContext(ctx, "a lease was not given back; it runs out by itself", "lease", string(id), "error", err)
	}
}
