package db

import (
	"context"
	"time"
)

// Bounds of Consumers.
const (
	// MaxConsumers is how many of an account are kept: those seen last.
	MaxConsumers = 100
	// ConsumerLife is how long one is kept that is not seen.
	ConsumerLife = 90 * 24 * time.Hour
	// MaxLag is where ConsumerStanding.Lag ends.
	MaxLag = 10_000
)

// Consumers keeps how far readers of the feed have read. None of this appends to the feed.
type Consumers interface {
	// PutConsumers writes where consumers are now; of one that is known by a later SeenAt it writes nothing. It also
	// forgets those that are beyond the bounds.
	PutConsumers(ctx context.Context, list []Consumer) error
	// Consumers lists those of an account, "" for all, by account, name and namespace.
	Consumers(ctx context.Context, account string) ([]ConsumerStanding, error)
}

// Consumer is a reader of the feed.
type Consumer struct {
	Account   string
	Name      string // that it gives itself; "" none
	Namespace string // that it reads, "*" all
	At        Mark   // it has everything up to here
	SeenAt    time.Time
}

// ConsumerStanding is a consumer with what it lacks.
type ConsumerStanding struct {
	Consumer
	FirstAt time.Time // seen first
	// Gone is set when its mark is not in this feed: it has to begin again.
	Gone bool
	// Lag counts the changes of its namespace after its mark, at most MaxLag, and Oldest is when the first of them was made.
	Lag    int
	Oldest time.Time
}
