package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

const (
	// holdFor is how long a lease lasts, and so how long a backup that was killed keeps blobs from the sweep.
	holdFor = 15 * time.Minute
	// holdAtOnce bounds a lease, and with it the transaction that makes it.
	holdAtOnce = 1000
	// letGo bounds the giving back of leases, which end by themselves anyway.
	letGo = 10 * time.Second
)

// hold keeps the sweep away from blobs until end is called. The context it gives ends when that fails: a database that
// does not answer is asked again for as long as the leases are sure to hold.
func hold(ctx context.Context, c Catalogue, blobs []blob) (held context.Context, end func(), err error) {
	var leases []db.LeaseID
	release := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGo)
		defer cancel()
		for _, id := range leases {
			_ = c.Release(ctx, id) // else it ends by itself
		}
	}
	for some := range slices.Chunk(blobs, holdAtOnce) {
		digests := make([]pack.Digest, len(some))
		for i, b := range some {
			digests[i] = b.digest
		}
		id, err := c.Lease(ctx, digests, holdFor)
		if err != nil {
			release()
			return nil, nil, err
		}
		leases = append(leases, id)
	}
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(holdFor / 6)
		defer tick.Stop()
		for renewed := time.Now(); ; {
			select {
			case <-held.Done():
				return
			case <-tick.C:
			}
			begun := time.Now()
			err := renew(held, c, leases)
			if err == nil {
				renewed = begun
			} else if time.Since(renewed) > holdFor*2/3 {
				cancel(fmt.Errorf("the blobs could not be kept from the sweep any longer: %w", err))
				return
			}
		}
	}()
	return held, func() { cancel(nil); <-done; release() }, nil
}

func renew(ctx context.Context, c Catalogue, leases []db.LeaseID) error {
	for _, id := range leases {
		if err := c.Extend(ctx, id, nil, holdFor); err != nil {
			return err
		}
	}
	return nil
}

// someOf lists a few of many.
func someOf[T ~string](list []T) string {
	const most = 10
	texts := make([]string, 0, most+1)
	for i, t := range list {
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		texts = append(texts, string(t))
	}
	return strings.Join(texts, ", ")
}
