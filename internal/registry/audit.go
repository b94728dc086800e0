package registry

import (
	"context"
	"sync/atomic"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// audit logs a write that has happened: who did what to what. The request id
// comes from the handler of the logger, by way of ctx.
func (r *Registry) audit(ctx context.Context, action, by, namespace, name, version string, more ...any) {
	attrs := append([]any{"action", action, "by", by, "namespace", namespace, "name", name, "version", version}, more...)
	r.cfg.Log.InfoContext(ctx, "audit", attrs...)
}

// Counts are numbers since the start of this process, for metrics.
type Counts struct {
	Created, Replaced, Same int64 // publishes by outcome
	Refused                 int64 // publishes with findings, conflicts and failed preconditions
	Failed                  int64 // publishes that failed otherwise
	SweptBlobs, SweptBytes  int64
	HeadHits, HeadReads     int64 // answers of Head from the cache, and from the database
	Waiting                 int64 // readers that wait for a change just now
}

type counters struct {
	created, replaced, same, refused, failed atomic.Int64
	sweptBlobs, sweptBytes                   atomic.Int64
	headHits, headReads, waiting             atomic.Int64
}

func (c *counters) publish(p *Published, err error) {
	switch pack.KindOf(err) {
	case "":
		map[db.Outcome]*atomic.Int64{db.Created: &c.created, db.Replaced: &c.replaced, db.Same: &c.same}[p.Outcome].Add(1)
	case pack.KindBadPack, pack.KindConflict, pack.KindPrecondition, pack.KindInvalid, pack.KindUnsupported, pack.KindTooLarge:
		c.refused.Add(1)
	default:
		c.failed.Add(1)
	}
}

// Counts reads the counters.
func (r *Registry) Counts() Counts {
	c := &r.counts
	return Counts{
		Created: c.created.Load(), Replaced: c.replaced.Load(), Same: c.same.Load(),
		Refused: c.refused.Load(), Failed: c.failed.Load(),
		SweptBlobs: c.sweptBlobs.Load(), SweptBytes: c.sweptBytes.Load(),
		HeadHits: c.headHits.Load(), HeadReads: c.headReads.Load(), Waiting: c.waiting.Load(),
	}
}
