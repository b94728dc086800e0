package oci

import (
	"context"
	"errors"
	"time"
)

// unusedFor is how long a pushed blob waits for a manifest that names it.
const unusedFor = 24 * time.Hour

// Housekeep ends expired upload sessions, and rights to blobs that no manifest has named for a day; their bytes go with
// the sweep, before which the registry calls it.
func (c *Core) Housekeep(ctx context.Context) error {
	uploads, err := c.cfg.OCI.PruneOCIUploads(ctx)
	blobs, err2 := c.cfg.OCI.PruneOCIBlobs(ctx, c.cfg.Now().Add(-max(unusedFor, c.cfg.UploadTTL)))
	if uploads > 0 || blobs > 0 {
		c.cfg.Log.InfoContext(ctx, "unused OCI content was given up", "uploads", uploads, "blobs", blobs)
	}
	return errors.Join(err, err2)
}
