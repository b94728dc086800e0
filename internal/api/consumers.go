package api

import (
	"context"

	"packregistry/internal/api/gen"
	"packregistry/internal/auth"
	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/registry"
)

// firstLacks is how many of the changes that a consumer lacks are told.
const firstLacks = 10

// reader notes how far the caller has read the feed; nil notes nothing.
type reader struct {
	r   *registry.Registry
	who registry.Consumer
}

// read notes that the caller has everything up to the cursor.
func (c *reader) read(cursor string) {
	if c != nil {
		c.r.NoteRead(c.who, cursor)
	}
}

// consumer is the caller as a reader of the feed; nil for one who does not say who it is.
func (s *server) consumer(ctx context.Context, namespace, name string) (*reader, error) {
	c := &reader{s.cfg.Registry, registry.Consumer{Account: callOf(ctx).user, Name: name, Namespace: namespace}}
	if err := c.who.Check(); err != nil {
		return nil, err
	}
	if c.who.Account == "" {
		return nil, nil //nolint:nilnil // nobody is a lawful answer
	}
	return c, nil
}

// ListConsumers tells an administrator of all readers of the feed, and others of themselves.
func (f *jsonFace) ListConsumers(ctx context.Context, _ gen.ListConsumersRequestObject) (gen.ListConsumersResponseObject, error) {
	account := callOf(ctx).user
	if callOf(ctx).role >= auth.Admin {
		account = ""
	}
	list, err := f.s.cfg.Registry.Consumers(ctx, account)
	if err != nil {
		return nil, err
	}
	now := f.s.cfg.Now()
	answer := gen.ListConsumers200JSONResponse{Consumers: []gen.SyncConsumer{}}
	for _, x := range list {
		c := gen.SyncConsumer{
			Account: x.Account, Consumer: x.Name, Namespace: x.Namespace, FirstAt: x.FirstAt, SeenAt: x.SeenAt, Gone: x.Gone, LagChanges: x.Lag, Lacks: []pack.Change{},
		}
		if x.At != (db.Mark{}) {
			c.Cursor = db.EncodeCursor(x.At)
		}
		if x.Lag > 0 {
			c.LagSeconds = max(now.Sub(x.Oldest).Seconds(), 0)
			if c.Lacks, _, err = f.s.cfg.Registry.Changes(ctx, c.Cursor, x.Namespace, firstLacks, 0); err != nil {
				return nil, err
			}
		}
		answer.Consumers = append(answer.Consumers, c)
	}
	return answer, nil
}
