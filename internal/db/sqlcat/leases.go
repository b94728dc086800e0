package sqlcat

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Leases and the sweep. What keeps them apart is the row lock of the blob, which a
// lease, the final transaction of a publish and a sweep all take.
//
// Expiry goes by the clock of the process that looks, which may be wrong by any
// amount: therefore a sweep deletes the leases it holds for expired in the
// transaction that removes the blob, and a publish needs its lease to be still
// there. A wrong clock costs a publish its lease, never a version its blob.

// leaseSlack is how long an expired lease may lie about before others clean it away.
const leaseSlack = time.Hour

// Lease implements db.Blobs.
func (c *Catalogue) Lease(ctx context.Context, digests []pack.Digest, ttl time.Duration) (db.LeaseID, error) {
	sorted, err := sortedDigests(digests)
	if err != nil {
		return "", err
	}
	id := rand.Text()
	// Soft: after a crash that loses a lease its publish either is gone too, or finds that it has
	// none in the transaction that would use it.
	err = c.b.WriteSoft(ctx, func(tx Tx) error {
		if err := lockBlobs(ctx, tx, sorted); err != nil {
			return err
		}
		now := c.now()
		if _, err := tx.Exec(ctx, `DELETE FROM leases WHERE expires_at < $1`, micros(now.Add(-leaseSlack))); err != nil {
			return err
		}
		return insertLease(ctx, tx, id, sorted, now.Add(ttl))
	})
	if err != nil {
		return "", err
	}
	return db.LeaseID(id), nil
}

// insertLease writes the rows of a lease, and renews those that are there.
func insertLease(ctx context.Context, tx Tx, id string, sorted []string, until time.Time) error {
	n := len(sorted)
	ids, expires := make([]string, n), make([]int64, n)
	for i := range n {
		ids[i], expires[i] = id, micros(until)
	}
	return tx.Insert(ctx, "leases", "ON CONFLICT (id, digest) DO UPDATE SET expires_at = excluded.expires_at",
		Column{"id", ids}, Column{"digest", sorted}, Column{"expires_at", expires})
}

// Extend implements db.Blobs. It locks also the blobs it only renews: a sweep that holds one of them for
// expired would else take away its lease after it was renewed.
func (c *Catalogue) Extend(ctx context.Context, id db.LeaseID, digests []pack.Digest, ttl time.Duration) error {
	if id == "" || !storable(string(id)) {
		return leaseLost()
	}
	added, err := sortedDigests(digests)
	if err != nil {
		return err
	}
	return c.b.Write(ctx, func(tx Tx) error {
		held, err := readTexts(tx.Query(ctx, `SELECT digest FROM leases WHERE id = $1`, string(id)))
		if err != nil {
			return err
		}
		all := append(held, added...)
		slices.Sort(all)
		if err := lockBlobs(ctx, tx, slices.Compact(all)); err != nil {
			return err
		}
		until := c.now().Add(ttl)
		// What a sweep has taken away while the lock was waited for is not renewed.
		if _, err := tx.Exec(ctx, `UPDATE leases SET expires_at = $1 WHERE id = $2`, micros(until), string(id)); err != nil {
			return err
		}
		return insertLease(ctx, tx, string(id), added, until)
	})
}

// readTexts reads an answer of one text column.
func readTexts(rows Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []string{}
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, rows.Err()
}

// sortedDigests puts digests into the order in which all lock them, without doubles.
func sortedDigests(digests []pack.Digest) ([]string, error) {
	out := make([]string, 0, len(digests))
	for _, d := range digests {
		if _, err := pack.ParseDigest(string(d)); err != nil {
			return nil, err
		}
		out = append(out, string(d))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// lockBlobs locks the rows of the blobs, which it makes where there is none. A row
// that a sweep is just deleting is waited for and made again.
func lockBlobs(ctx context.Context, tx Tx, sorted []string) error {
	return tx.Insert(ctx, "blobs", "ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest", Column{"digest", sorted})
}

// Release implements db.Blobs.
func (c *Catalogue) Release(ctx context.Context, id db.LeaseID) error {
	if !storable(string(id)) {
		return nil
	}
	return c.b.WriteSoft(ctx, func(tx Tx) error { return dropLease(ctx, tx, id) })
}

func dropLease(ctx context.Context, tx Tx, id db.LeaseID) error {
	if id == "" || !storable(string(id)) {
		return nil
	}
	_, err := tx.Exec(ctx, `DELETE FROM leases WHERE id = $1`, string(id))
	return err
}

// useLease locks the blobs of a publication until the commit, checks that its lease
// has kept them (those of its OCI manifest may be kept by rows), and uses the lease up.
func (c *Catalogue) useLease(ctx context.Context, tx Tx, p *db.Publication) error {
	digests := []pack.Digest{p.Version.Digest}
	if p.Version.TarGzStored {
		digests = append(digests, p.Version.TarGzDigest)
	}
	sorted, err := sortedDigests(digests)
	if err != nil {
		return err
	}
	var all []pack.Digest
	if p.Manifest != nil {
		all = manifestBlobs(p.Manifest)
	}
	// One call for all, in the order of the digests.
	if err := c.keepBlobs(ctx, tx, p.Lease, append(all, digests...)...); err != nil {
		return err
	}
	if !storable(string(p.Lease)) {
		return leaseLost()
	}
	rows, err := tx.Query(ctx, `DELETE FROM leases WHERE id = $1 RETURNING digest, expires_at`, string(p.Lease))
	if err != nil {
		return err
	}
	defer rows.Close()
	held := make(map[string]bool, len(sorted))
	for rows.Next() {
		var digest string
		var expires int64
		if err := rows.Scan(&digest, &expires); err != nil {
			return err
		}
		held[digest] = expires > micros(c.now())
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, d := range sorted {
		if !held[d] {
			return leaseLost() // which rolls the deletion back
		}
	}
	return nil
}

func leaseLost() error {
	return &pack.Error{
		Kind: pack.KindUnavailable, Code: "lease_expired", RetryAfter: time.Second,
		Message: "the upload took too long and its bytes are no longer kept for it: upload again",
	}
}

// SweepBlob implements db.Blobs.
func (c *Catalogue) SweepBlob(ctx context.Context, d pack.Digest, remove func(context.Context) error) (bool, error) {
	if _, err := pack.ParseDigest(string(d)); err != nil {
		return false, err
	}
	removed := false
	err := c.b.Write(ctx, func(tx Tx) error {
		if err := lockBlobs(ctx, tx, []string{string(d)}); err != nil {
			return err
		}
		held, err := blobHeld(ctx, tx, d, c.now())
		if err != nil || held {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM leases WHERE digest = $1`, string(d)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM blobs WHERE digest = $1`, string(d)); err != nil {
			return err
		}
		// A process that freezes here may remove the blob when it goes on: until then nobody may use it.
		if hold := c.b.Dialect().HoldOn; hold != "" {
			if _, err := tx.Exec(ctx, hold); err != nil {
				return err
			}
		}
		if err := remove(ctx); err != nil {
			return err
		}
		removed = true
		return nil
	})
	return removed, err
}
