package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const catalogPath = "/api/v1/sync/catalog"

// unchanged is a poll that nothing has changed for: the ETag is taken first, or the date where a server gives none.
func unchanged(ctx context.Context, s *server, path string) (request, error) {
	c := client(1)
	defer c.CloseIdleConnections()
	h, _, err := expect(ctx, c, s, http.MethodGet, path, http.Header{"Accept-Encoding": {"gzip"}}, nil, http.StatusOK)
	if err != nil {
		return request{}, err
	}
	known := http.Header{}
	if tag, date := h.Get("ETag"), h.Get("Last-Modified"); tag != "" {
		known.Set("If-None-Match", tag)
	} else if date != "" {
		known.Set("If-Modified-Since", date)
	} else {
		return request{}, fmt.Errorf("%s: %s has no ETag and no Last-Modified", s.name, path)
	}
	return request{path: path, header: known, status: http.StatusNotModified}, nil
}

// wireBytes is the length of an answer without a body, as it comes over the wire.
func wireBytes(ctx context.Context, s *server, r request) (int, error) {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, err
	}
	text := "GET " + r.path + " HTTP/1.1\r\nHost: " + conn.RemoteAddr().String() + "\r\n"
	for _, h := range []http.Header{s.header, r.header} {
		for name, values := range h {
			text += name + ": " + values[0] + "\r\n"
		}
	}
	if _, err := conn.Write([]byte(text + "\r\n")); err != nil {
		return 0, err
	}
	answer := make([]byte, 0, 4096)
	for !strings.Contains(string(answer), "\r\n\r\n") {
		n, err := conn.Read(answer[len(answer):cap(answer)])
		if err != nil {
			return 0, err
		}
		answer = answer[:len(answer)+n]
	}
	if !strings.HasPrefix(string(answer), "HTTP/1.1 304") || !strings.HasSuffix(string(answer), "\r\n\r\n") {
		return 0, fmt.Errorf("%s answered %.60q", s.name, answer)
	}
	return len(answer), nil
}

func (b *bench) pollGroups() []group {
	poll := func(ctx context.Context, s *server) (map[string]sample, error) {
		r, err := unchanged(ctx, s, catalogPath)
		if err != nil {
			return nil, err
		}
		size, err := wireBytes(ctx, s, r)
		if err != nil {
			return nil, err
		}
		m, err := b.wrk(ctx, s, 8, r)
		return map[string]sample{"poll": m, "bytes": {unit: " bytes", value: float64(size)}}, err
	}
	pollFile := func(ctx context.Context, s *server, r request) (map[string]sample, error) {
		r, err := unchanged(ctx, s, r.path)
		if err != nil {
			return nil, err
		}
		m, err := b.wrk(ctx, s, 8, r)
		return one("poll", m, err)
	}
	const production = "ours, Postgres and S3"
	return []group{
		{
			// A poll is so short that what else the machine does for a moment is a tenth of it.
			row: 5, name: "poll", rounds: 9, title: fmt.Sprintf("polls by wrk that nothing has changed for, %d versions, 8 connections", b.shapes["100k"].versions()),
			notes: []string{"The bare Go file server, without authentication and log, is the limit of net/http; no target is of it."},
			prepare: func(ctx context.Context) error {
				return b.bothCatalogues(ctx, "100k")
			},
			sides: []side{
				b.onOurs("ours", ours{catalogue: "100k"}, poll),
				b.onFiles("nginx", packBytes, b.startNginx, pollFile),
				b.onFiles("bare Go", packBytes, b.startFileServer, pollFile),
				b.onOurs(production, ours{catalogue: "100k", production: true}, func(ctx context.Context, s *server) (map[string]sample, error) {
					return b.countTransactions(ctx, s)
				}),
			},
			checks: []checked{
				{"5.bytes", []key{{"ours", "bytes"}}, plainValue},
				{id: "5.rate", of: []key{{"ours", "poll"}, {"nginx", "poll"}}},
				{id: "5.rate-postgres", of: []key{{production, "poll"}, {"nginx", "poll"}}},
				{"5.queries", []key{{production, "transactions"}}, plainValue},
			},
		},
		{
			row: 5, name: "lag", title: "a commit on one replica, and the poll of another",
			sides:   []side{b.onOurs(production, ours{catalogue: "100k", production: true}, b.lag)},
			prepare: func(ctx context.Context) error { return b.productionCatalogue(ctx, "100k") },
			checks:  []checked{{"5.lag", []key{{production, "lag"}}, plainValue}},
		},
	}
}

// countTransactions counts what Postgres does during polls, for 1,000 of them.
func (b *bench) countTransactions(ctx context.Context, s *server) (map[string]sample, error) {
	url := setting(s, "REGISTRY_DATABASE_URL")
	conn, err := pgx.Connect(ctx, databaseURL(url, "postgres"))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	name := url[strings.LastIndexByte(url, '/')+1:]
	name, _, _ = strings.Cut(name, "?")
	count := func() (n int64, err error) {
		time.Sleep(1200 * time.Millisecond) // what a connection has done is told at most a second later
		err = conn.QueryRow(ctx, `SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1`, name).Scan(&n)
		return n, err
	}
	r, err := unchanged(ctx, s, catalogPath)
	if err != nil {
		return nil, err
	}
	// What the server does for itself, such as looking after the feed each second, is no query of a poll.
	var counts [3]int64
	var m sample
	for i, during := range []func() error{
		func() error { return nil },
		func() error { time.Sleep(time.Duration(b.seconds * float64(time.Second))); return nil },
		func() (err error) { m, err = b.wrk(ctx, s, 8, r); return err },
	} {
		if err := during(); err != nil {
			return nil, err
		}
		if counts[i], err = count(); err != nil {
			return nil, err
		}
	}
	more := max(0, (counts[2]-counts[1])-(counts[1]-counts[0]))
	return map[string]sample{"poll": m, "transactions": {unit: " in 1,000 polls", value: float64(more) / (m.rate * b.seconds / 1000)}}, nil
}

// setting is a variable that a server was started with.
func setting(s *server, name string) string {
	value := ""
	for _, kv := range s.cmd.Env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// lag publishes on one replica and polls another until it tells; the longest time counts.
func (b *bench) lag(ctx context.Context, a *server) (_ map[string]sample, err error) {
	second, err := b.startOurs(ctx, ours{sharing: a})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, second.stop()) }()
	c := client(4)
	defer c.CloseIdleConnections()
	worst := 0.0
	for i := range 10 {
		r, err := unchanged(ctx, second, catalogPath+"?namespace=lag")
		if err != nil {
			return nil, err
		}
		pack, err := packZip("lag", fmt.Sprintf("1.%d.%d", i, rand.IntN(1e9)), packBytes, rand.Uint64())
		if err != nil {
			return nil, err
		}
		if _, _, err := expect(ctx, c, a, http.MethodPost, "/api/v1/packs?namespace=lag", nil, pack.bytes, http.StatusCreated); err != nil {
			return nil, err
		}
		begin := time.Now()
		for {
			status, _, body, err := send(ctx, c, second, http.MethodGet, r.path, r.header, nil)
			if err != nil {
				return nil, err
			}
			took := time.Since(begin).Seconds()
			if status == http.StatusOK {
				if !strings.Contains(string(body), pack.version) {
					return nil, errors.New("the other replica tells of a change and does not have it")
				}
				worst = max(worst, took)
				break
			}
			if status != http.StatusNotModified || took > 10 {
				return nil, fmt.Errorf("the other replica answers %d after %.1f s", status, took)
			}
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
	}
	return map[string]sample{"lag": {unit: " s", value: worst}}, nil
}
