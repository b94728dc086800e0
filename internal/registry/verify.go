package registry

import (
	"context"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// VerifyReport says what does not hold. Its lists are sorted.
type VerifyReport struct {
	Blobs    int           `json:"blobs"`
	Bytes    int64         `json:"bytes"`
	Corrupt  []pack.Digest `json:"corrupt"`  // does not hash to its name
	Missing  []pack.Digest `json:"missing"`  // referred to, not stored
	Orphaned []pack.Digest `json:"orphaned"` // stored, neither referred to nor held by a lease
}

// Clean reports whether everything that was published is there and whole. An
// orphan is not a fault: a sweep removes it.
func (v *VerifyReport) Clean() bool { return len(v.Corrupt) == 0 && len(v.Missing) == 0 }

// verifyReaders is how many blobs are read at once.
const verifyReaders = 4

// Verify reads every blob back, beside normal work, and reports what does not
// hash, is missing or is orphaned. An error means that it could not find out.
func (r *Registry) Verify(ctx context.Context) (*VerifyReport, error) {
	v := &verifier{r: r, report: &VerifyReport{Corrupt: []pack.Digest{}, Missing: []pack.Digest{}, Orphaned: []pack.Digest{}}}
	if err := v.stored(ctx); err != nil {
		return nil, err
	}
	if err := v.referred(ctx); err != nil {
		return nil, err
	}
	slices.Sort(v.report.Corrupt)
	slices.Sort(v.report.Missing)
	slices.Sort(v.report.Orphaned)
	return v.report, nil
}

type verifier struct {
	r      *Registry
	mu     sync.Mutex
	report *VerifyReport
}

// stored reads all blobs of the store.
func (v *verifier) stored(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(verifyReaders)
	walked := v.r.cfg.Store.Walk(ctx, func(b storage.Info) error {
		g.Go(func() error { return v.blob(ctx, b) })
		return ctx.Err()
	})
	if err := g.Wait(); err != nil { // the cause, where the walk only saw the context end
		return err
	}
	return walked
}

func (v *verifier) blob(ctx context.Context, b storage.Info) error {
	n, err := v.read(ctx, b)
	if pack.IsKind(err, pack.KindNotFound) { // deleted and swept since the walk saw it
		return nil
	}
	corrupt := pack.IsKind(err, pack.KindCorrupt)
	if err != nil && !corrupt {
		return err
	}
	held, err := v.r.cfg.DB.Referenced(ctx, b.Digest)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Blobs++
	v.report.Bytes += n
	if corrupt {
		v.report.Corrupt = append(v.report.Corrupt, b.Digest)
	}
	if !held {
		v.report.Orphaned = append(v.report.Orphaned, b.Digest)
	}
	return nil
}

// read reads a blob whole and checks the hash, also of one that the store trusts.
func (v *verifier) read(ctx context.Context, b storage.Info) (int64, error) {
	stream, err := storage.Direct(v.r.cfg.Store).Open(ctx, b.Digest, 0, -1)
	if err != nil {
		return 0, err
	}
	stream = storage.VerifyReader(stream, b.Digest, b.Size)
	defer stream.Close()
	return io.Copy(io.Discard, stream)
}

// referred looks for each blob that the catalogue refers to.
func (v *verifier) referred(ctx context.Context) error {
	var suspects []pack.Digest
	err := v.r.cfg.DB.BlobRefs(ctx, func(b db.BlobRef) error {
		there, err := v.there(ctx, b.Digest)
		if err == nil && !there {
			suspects = append(suspects, b.Digest)
		}
		return err
	})
	if err != nil {
		return err
	}
	// What was deleted and swept while we looked is not missing. The catalogue is
	// asked before the store: a blob is there before anything refers to it.
	for _, d := range suspects {
		held, err := v.r.cfg.DB.Referenced(ctx, d)
		if err != nil {
			return err
		}
		there, err := v.there(ctx, d)
		if err != nil {
			return err
		}
		if held && !there {
			v.report.Missing = append(v.report.Missing, d)
		}
	}
	return nil
}

func (v *verifier) there(ctx context.Context, d pack.Digest) (bool, error) {
	_, err := v.r.cfg.Store.Stat(ctx, d)
	if pack.IsKind(err, pack.KindNotFound) {
		return false, nil
	}
	return err == nil, err
}
