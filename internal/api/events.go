package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"packregistry/internal/pack"
)

// heartbeat is the longest silence of an event stream: proxies cut those that say nothing.
const heartbeat = 15 * time.Second

// eventBatch is the most changes read at once.
const eventBatch = 100

// streamEvents sends the feed as server-sent events (WHATWG HTML 9.2) until the
// client goes or the server stops.
func (s *server) streamEvents(w http.ResponseWriter, r *http.Request) error {
	namespace := namespaceOf(r)
	since := r.Header.Get("Last-Event-ID")
	if since == "" {
		since = r.URL.Query().Get("since")
	}
	c, err := s.consumer(r.Context(), namespace, r.URL.Query().Get("consumer"))
	if err != nil {
		return err
	}
	ctx, stop := s.untilDraining(r.Context())
	defer stop()

	// The first look decides whether there is a stream at all.
	changes, cursor, err := s.cfg.Registry.Changes(ctx, since, namespace, eventBatch, 0)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	out := http.NewResponseController(w)
	for {
		if err := sendEvents(w, changes, since, cursor); err != nil {
			return endOfStream(r, err)
		}
		if err := out.Flush(); err != nil {
			return endOfStream(r, err)
		}
		since = cursor
		c.read(since)
		if ctx.Err() != nil {
			return nil
		}
		changes, cursor, err = s.cfg.Registry.Changes(ctx, since, namespace, eventBatch, heartbeat)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return endOfStream(r, err)
		}
	}
}

// sendEvents writes changes, or what keeps the stream alive. A cursor that moved
// without changes (of another namespace) is told with an id alone, which readers
// remember and do not show.
func sendEvents(w http.ResponseWriter, changes []pack.Change, since, cursor string) error {
	for _, c := range changes {
		data, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", c.Cursor, c.Type, data); err != nil {
			return err
		}
	}
	if len(changes) > 0 && changes[len(changes)-1].Cursor == cursor {
		return nil
	}
	text := ": still here\n\n"
	if cursor != since {
		text = "id: " + cursor + "\n\n"
	}
	_, err := w.Write([]byte(text))
	return err
}

// endOfStream notes why a stream ended. A reader comes back with its last id, and
// is then told properly.
func endOfStream(r *http.Request, err error) error {
	callOf(r.Context()).err = err
	return nil
}
