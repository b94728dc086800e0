package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"packregistry/internal/pack"
)

// Changes are those after a cursor, and the cursor to go on from.
type Changes struct {
	Changes []pack.Change `json:"changes"`
	Cursor  string        `json:"cursor"`
}

// Changes reads up to limit changes after a cursor ("" is the beginning); with wait, up to 60 s, the server
// holds an empty answer until something changes. A cursor of another feed is pack.KindCursorGone.
func (c *Client) Changes(ctx context.Context, since string, limit int, wait time.Duration) (*Changes, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if since != "" {
		q.Set("since", since)
	}
	if c.consumer != "" {
		q.Set("consumer", c.consumer)
	}
	if wait > 0 {
		q.Set("wait", strconv.Itoa(int(wait.Seconds())))
	}
	var list Changes
	_, err := c.answer(ctx, &request{method: http.MethodGet, path: "/sync/changes", query: q}, &list)
	return &list, err
}

// As is the same client, which reads the feed under a name of its own (see Consumers); "" is none.
func (c *Client) As(consumer string) *Client {
	other := *c
	other.consumer = consumer
	return &other
}

// Consumer is a reader of the feed.
type Consumer struct {
	Account    string        `json:"account"`
	Consumer   string        `json:"consumer"` // the name that it gives itself; "" none
	Namespace  string        `json:"namespace"`
	Cursor     string        `json:"cursor"` // it has everything up to here
	FirstAt    time.Time     `json:"firstAt"`
	SeenAt     time.Time     `json:"seenAt"`
	Gone       bool          `json:"gone"`
	LagChanges int           `json:"lagChanges"`
	LagSeconds float64       `json:"lagSeconds"`
	Lacks      []pack.Change `json:"lacks"` // the first of them
}

// Consumers lists who reads the feed, and how far they are: all for an administrator, else those of the account.
func (c *Client) Consumers(ctx context.Context) ([]Consumer, error) {
	var list struct {
		Consumers []Consumer `json:"consumers"`
	}
	_, err := c.answer(ctx, &request{method: http.MethodGet, path: "/sync/consumers"}, &list)
	return list.Consumers, err
}
