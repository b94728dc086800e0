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
	if wait > 0 {
		q.Set("wait", strconv.Itoa(int(wait.Seconds())))
	}
	var list Changes
	_, err := c.answer(ctx, &request{method: http.MethodGet, path: "/sync/changes", query: q}, &list)
	return &list, err
}
