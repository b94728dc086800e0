package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
)

// putOurs uploads one new pack and gives the request for its archive.
func putOurs(ctx context.Context, s *server, size int) (request, error) {
	a, err := packZip("download", fmt.Sprintf("1.0.%d", rand.IntN(1e9)), size, rand.Uint64())
	if err != nil {
		return request{}, err
	}
	c := client(1)
	defer c.CloseIdleConnections()
	as := *s
	as.header = basic() // also where reading needs none
	_, _, err = expect(ctx, c, &as, http.MethodPost, "/api/v1/packs", nil, a.bytes, http.StatusCreated)
	return request{path: "/api/v1/packs/" + a.name + "/versions/" + a.version + "/archive", status: http.StatusOK, sha256: a.hex}, err
}

func putDocker(ctx context.Context, s *server, size int) (request, error) {
	a, err := packZip("download", "1.0.0", size, rand.Uint64())
	if err != nil {
		return request{}, err
	}
	c := client(1)
	defer c.CloseIdleConnections()
	return request{path: "/v2/" + a.name + "/blobs/sha256:" + a.hex, status: http.StatusOK, sha256: a.hex}, joined(configDocker(ctx, c, s, a.name), pushDocker(ctx, c, s, a))
}

// connections are the loads of row 2.
func connections() map[string]int { return map[string]int{"8": 8, "64": 64} }

// wrkEach downloads with each number of connections.
func (b *bench) wrkEach(ctx context.Context, s *server, r request, counts map[string]int) (map[string]sample, error) {
	m := map[string]sample{}
	for name, n := range counts {
		var err error
		if m[name], err = b.wrk(ctx, s, n, r); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// onFiles is a side that serves a folder with one new file of the size of a pack.
func (b *bench) onFiles(name string, size int, start func(ctx context.Context, dir string) (*server, error), do func(ctx context.Context, s *server, r request) (map[string]sample, error)) side {
	return side{name, func(ctx context.Context, _ int) (map[string]sample, error) {
		dir, err := b.fresh("folder")
		if err != nil {
			return nil, err
		}
		defer removeAll(dir)
		a, err := packZip("download", "1.0.0", size, rand.Uint64())
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "pack.zip"), a.bytes, 0o644); err != nil {
			return nil, err
		}
		s, err := start(ctx, dir)
		return b.used(ctx, s, err, func(ctx context.Context, s *server) (map[string]sample, error) {
			return do(ctx, s, request{path: "/pack.zip", status: http.StatusOK, sha256: a.hex})
		})
	}}
}

func (b *bench) downloadGroups() []group {
	small := func(put func(context.Context, *server, int) (request, error)) func(context.Context, *server) (map[string]sample, error) {
		return func(ctx context.Context, s *server) (map[string]sample, error) {
			r, err := put(ctx, s, packBytes)
			if err != nil {
				return nil, err
			}
			return b.wrkEach(ctx, s, r, connections())
		}
	}
	big := map[string]int{"8": 8}
	pair := func(peer, load string) []key { return []key{{"ours", load}, {peer, load}} }
	groups := []group{
		{
			row: 2, name: "small", title: "download of 40 KB by wrk, with 8 and 64 connections",
			notes: []string{"The bare Go file server is http.FileServer, with sendfile, without authentication, log and limits."},
			sides: []side{
				b.onOurs("ours", ours{}, small(putOurs)),
				b.onFiles("bare Go", packBytes, b.startFileServer, func(ctx context.Context, s *server, r request) (map[string]sample, error) {
					return b.wrkEach(ctx, s, r, connections())
				}),
				b.onDocker("docker-registry, open", 0, small(putDocker)),
				b.onFiles("nginx", packBytes, b.startNginx, func(ctx context.Context, s *server, r request) (map[string]sample, error) {
					return b.wrkEach(ctx, s, r, connections())
				}),
			},
			checks: []checked{
				{id: "2.rate-8", of: pair("bare Go", "8")},
				{id: "2.rate-64", of: pair("bare Go", "64")},
				{"2.cpu-8", pair("bare Go", "8"), ratioOfCPU},
				{"2.cpu-64", pair("bare Go", "64"), ratioOfCPU},
				{id: "2.docker-8", of: pair("docker-registry, open", "8")},
				{id: "2.docker-64", of: pair("docker-registry, open", "64")},
			},
		},
		{
			row: 3, name: "big", title: "download of 1 MB by wrk, with 8 connections",
			sides: []side{
				b.onOurs("ours", ours{}, func(ctx context.Context, s *server) (map[string]sample, error) {
					r, err := putOurs(ctx, s, 1_000_000)
					if err != nil {
						return nil, err
					}
					return b.wrkEach(ctx, s, r, big)
				}),
				b.onFiles("nginx", 1_000_000, b.startNginx, func(ctx context.Context, s *server, r request) (map[string]sample, error) {
					return b.wrkEach(ctx, s, r, big)
				}),
			},
			checks: []checked{{id: "3.nginx", of: pair("nginx", "8")}},
		},
		{
			row: 3, name: "s3", title: "download of 1 MB out of S3, one client and four",
			notes: []string{
				"The SDK reads the same bytes from the same S3 server in this program; CPU of the side with the SDK is the S3 server's alone.",
				"Ours sends the copy that its second read has left on the server's disk (storage.s3.cache). Without copies all bytes come from S3 each time, through one process more than the SDK's, on the same cores.",
			},
			sides: []side{
				b.onOurs("ours, Postgres and S3", ours{production: true}, b.getBig),
				b.onOurs("ours, without copies", ours{production: true, extra: []string{"REGISTRY_STORAGE_S3_CACHE=0"}}, b.getBig),
				{"SDK", b.readBySDK},
			},
			checks: []checked{{id: "3.s3", of: []key{{"ours, Postgres and S3", "1"}, {"SDK", "1"}}}},
		},
	}
	return groups
}

// getBig downloads one pack of 1 MB with one client and with four.
func (b *bench) getBig(ctx context.Context, s *server) (map[string]sample, error) {
	r, err := putOurs(ctx, s, 1_000_000)
	if err != nil {
		return nil, err
	}
	one, err := b.get(ctx, s, 1, r)
	if err != nil {
		return nil, err
	}
	four, err := b.get(ctx, s, 4, r)
	return map[string]sample{"1": one, "4": four}, err
}

// get loads a server with a request of our own client.
func (b *bench) get(ctx context.Context, s *server, clients int, r request) (sample, error) {
	if err := check(ctx, s, r, 3); err != nil {
		return sample{}, err
	}
	c := client(clients)
	defer c.CloseIdleConnections()
	m, err := b.load(ctx, s, clients, func(ctx context.Context, _, _ int) error { return discard(ctx, c, s, r) })
	return m, joined(err, check(ctx, s, r, 3))
}

func (b *bench) authGroups() []group {
	download := func(ctx context.Context, s *server) (map[string]sample, error) {
		r, err := putOurs(ctx, s, packBytes)
		if err != nil {
			return nil, err
		}
		// The password was hashed for that, at cost 14 for more than a second: what the machine owes for it is not the downloads'.
		if err := waitIdle(idleLimit, b.patience()); err != nil {
			return nil, err
		}
		m, err := b.wrk(ctx, s, 8, r)
		return one("8", m, err)
	}
	g := group{
		// What is looked for is a few parts in a hundred, and rounds differ by more.
		row: 4, name: "auth", rounds: 9, title: "download of 40 KB by wrk, with 8 connections: open, and with credentials",
		sides: []side{b.onOurs("ours, open", ours{open: true}, download)},
	}
	for _, cost := range []int{5, 10, 14} {
		name := fmt.Sprintf("ours, cost %d", cost)
		g.sides = append(g.sides, b.onOurs(name, ours{cost: cost}, download))
		g.checks = append(g.checks, checked{id: fmt.Sprintf("4.cost-%d", cost), of: []key{{name, "8"}, {"ours, open", "8"}}})
	}
	return []group{g}
}

func joined(errs ...error) error { return errors.Join(errs...) }

func removeAll(dir string) { _ = os.RemoveAll(dir) } // what stays goes with the work folder
