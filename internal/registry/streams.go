package registry

import (
	"context"
	"time"

	"packregistry/internal/pack"
)

// MaxStreams is the number of catalogues that are streamed at once. It is well below the connections
// of either database, so that slow mirrors cannot take the last one.
const MaxStreams = 8

// streamWait is how long one more waits for a place.
const streamWait = 5 * time.Second

// streams counts the catalogues that are being streamed.
type streams chan struct{}

func (s streams) enter(ctx context.Context) error {
	timeout := time.NewTimer(streamWait)
	defer timeout.Stop()
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return pack.Wrap(pack.KindUnavailable, ctx.Err(), "the request ended before the catalogue could be read")
	case <-timeout.C:
		return &pack.Error{
			Kind: pack.KindBusy, Code: "too_many_streams", RetryAfter: streamWait,
			Message: "too many catalogues are being read at once; try again in a moment",
		}
	}
}

func (s streams) leave() { <-s }
