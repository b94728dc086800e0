package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

func (b *bench) decayGroups() []group {
	s := b.shapes["100k"]
	content := &pool{make: func() ([]archived, error) { return madePacks(int(2500 * b.seconds / 2)) }}
	all := func(name, since string) func(context.Context, *server) (map[string]sample, error) {
		return func(ctx context.Context, srv *server) (map[string]sample, error) {
			list, err := content.get(name)
			if err != nil {
				return nil, err
			}
			m := map[string]sample{}
			if m["upload"], err = b.uploadOurs(ctx, srv, 8, list); err != nil {
				return nil, err
			}
			r := request{path: "/api/v1/packs/" + list[0].name + "/versions/" + list[0].version + "/archive", status: http.StatusOK, sha256: list[0].hex}
			if err := waitIdle(idleLimit, b.patience()); err != nil {
				return nil, err
			}
			if m["download"], err = b.wrk(ctx, srv, 8, r); err != nil {
				return nil, err
			}
			if r, err = unchanged(ctx, srv, catalogPath); err != nil {
				return nil, err
			}
			if err := waitIdle(idleLimit, b.patience()); err != nil {
				return nil, err
			}
			if m["poll"], err = b.wrk(ctx, srv, 8, r); err != nil {
				return nil, err
			}
			// The deltas are of what was just uploaded: the same changes on both stores.
			changes := 100
			if b.quick {
				changes = 10
			}
			// A slow disk may not have taken enough of them in the time. What is already there is answered 200.
			if err := uploadRest(ctx, srv, list[:min(len(list), 5*changes)]); err != nil {
				return nil, err
			}
			cursors, err := feed(ctx, srv, since, changes)
			if err != nil {
				return nil, err
			}
			i := 0
			m["delta"], err = b.deltas(ctx, srv, 1, func() string { i++; return cursors[i%len(cursors)] }, changes)
			return m, err
		}
	}
	const empty, full = "ours, empty", "ours, full"
	g := group{
		// Uploads wait for the disk, whose moods are larger than what is looked for.
		row: 11, name: "decay", rounds: 9, title: fmt.Sprintf("the same on an empty store and at %d versions", s.versions()),
		prepare: func(ctx context.Context) error { return b.embeddedCatalogue(ctx, "100k") },
		sides: []side{
			b.onOurs(full, ours{catalogue: "100k"}, all(full, cursor(s.changes()))),
			b.onOurs(empty, ours{}, all(empty, "")),
		},
	}
	for _, load := range []string{"upload", "download", "poll", "delta"} {
		g.checks = append(g.checks, checked{id: "11." + load, of: []key{{full, load}, {empty, load}}})
	}
	return []group{g}
}

// uploadRest uploads what of a list is missing, outside the clock.
func uploadRest(ctx context.Context, s *server, list []archived) error {
	c := client(1)
	defer c.CloseIdleConnections()
	for _, a := range list {
		status, _, answer, err := send(ctx, c, s, http.MethodPost, "/api/v1/packs", nil, a.bytes)
		if err == nil && status != http.StatusCreated && status != http.StatusOK {
			err = fmt.Errorf("%s: %s %s answered %d: %.300s", s.name, a.name, a.version, status, answer)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// feed walks the feed from a cursor and gives the cursors from which a whole page follows.
func feed(ctx context.Context, s *server, since string, page int) ([]string, error) {
	c := client(1)
	defer c.CloseIdleConnections()
	var cursors []string
	for {
		path := "/api/v1/sync/changes?limit=" + itoa(page)
		if since != "" {
			path += "&since=" + url.QueryEscape(since)
		}
		_, body, err := expect(ctx, c, s, http.MethodGet, path, nil, nil, http.StatusOK)
		if err != nil {
			return nil, err
		}
		var p struct {
			Changes []json.RawMessage
			Cursor  string
		}
		if err := json.Unmarshal(body, &p); err != nil {
			return nil, err
		}
		if len(p.Changes) < page {
			break
		}
		if since != "" {
			cursors = append(cursors, since)
		}
		since = p.Cursor
	}
	if len(cursors) == 0 {
		return nil, errors.New("there were too few uploads for a delta")
	}
	return cursors, nil
}
