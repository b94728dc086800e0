package oci

import (
	"context"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// blob is bytes to be put. One without src must be there already.
type blob struct {
	digest pack.Digest
	size   int64
	src    storage.Source
}

// leaseTTL is how long it may take from announcing a blob to the row that keeps it: a large image layer on a slow store.
const leaseTTL = 2 * time.Hour

// releaseTimeout bounds giving a lease back; an unreturned one runs out by itself.
const releaseTimeout = 5 * time.Second

// commit puts blobs under a lease and then writes the rows that keep them.
func (c *Core) commit(ctx context.Context, blobs []blob, write func(db.LeaseID) error) error {
	lease, err := c.cfg.DB.Lease(ctx, digestsOf(blobs), leaseTTL)
	if err != nil {
		return err
	}
	defer c.release(ctx, lease)
	return c.keep(ctx, blobs, func() error { return write(lease) })
}

// keep puts blobs that a lease covers and then writes. A sweep that lost its database connection in the middle of a
// delete does not see the lease: nothing is acknowledged before what was reused has been seen after the write.
func (c *Core) keep(ctx context.Context, blobs []blob, write func() error) error {
	reused, err := c.putAll(ctx, blobs)
	if err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	_, err = c.putAll(ctx, reused)
	return err
}

func (c *Core) putAll(ctx context.Context, blobs []blob) (reused []blob, err error) {
	for _, b := range blobs {
		stored, err := c.put(ctx, b)
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
func (c *Core) put(ctx context.Context, b blob) (stored bool, err error) {
	info, err := c.cfg.Store.Stat(ctx, b.digest)
	switch {
	case err == nil && (b.src == nil || info.Size == b.size):
		return false, nil
	case err != nil && !pack.IsKind(err, pack.KindNotFound):
		return false, err
	case b.src == nil:
		return false, blobUnknown(string(b.digest))
	}
	return true, c.cfg.Store.Put(ctx, b.digest, b.src)
}

func (c *Core) release(ctx context.Context, id db.LeaseID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := c.cfg.DB.Release(ctx, id); err != nil {
		c.cfg.Log.WarnContext(ctx, "a lease was not given back; it runs out by itself", "lease", string(id), "error", err)
	}
}

func digestsOf(blobs []blob) []pack.Digest {
	out := make([]pack.Digest, len(blobs))
	for i, b := range blobs {
		out[i] = b.digest
	}
	return out
}

// audit logs a write that has happened: who did what to what.
func (c *Core) audit(ctx context.Context, action, by, repo string, more ...any) {
	c.cfg.Log.InfoContext(ctx, "audit", append([]any{"action", action, "by", by, "repository", repo}, more...)...)
}
