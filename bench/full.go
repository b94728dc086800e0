package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"packregistry/internal/pack"
)

// repeatFor is how long a short question is asked again and again: what others take of the machine is
// counted in ticks of 10 ms, and says nothing of some milliseconds.
const repeatFor = 500 * time.Millisecond

// timed asks once, and then until a time is over, and gives the median time in seconds as the value.
func (b *bench) timed(s *server, until time.Duration, f func() error) (sample, error) {
	var times []float64
	m, err := b.measure(s, 1, func() (int, error) {
		for start := time.Now(); len(times) == 0 || time.Since(start) < until; {
			begin := time.Now()
			if err := f(); err != nil {
				return 0, err
			}
			times = append(times, time.Since(begin).Seconds())
		}
		return len(times), nil
	})
	if err != nil {
		return m, err
	}
	m.unit, m.value, m.rate = " s", median(times), 0
	return m, nil
}

func ratioOfTimes(s []sample) float64 { return s[0].value / s[1].value }

func gzipped() http.Header { return http.Header{"Accept-Encoding": {"gzip"}} }

// checkCatalogue looks whether an answer is the whole catalogue, with a digest on each line.
func checkCatalogue(body io.Reader, versions int) error {
	d := json.NewDecoder(body)
	lines := 0
	for {
		var line struct{ Name, Version, Digest, Cursor string }
		if err := d.Decode(&line); err != nil {
			return fmt.Errorf("after %d lines: %w", lines, err)
		}
		if line.Cursor != "" {
			break
		}
		if _, err := pack.ParseDigest(line.Digest); err != nil || line.Name == "" || line.Version == "" {
			return fmt.Errorf("line %d is no version: %+v", lines+1, line)
		}
		lines++
	}
	if lines != versions {
		return fmt.Errorf("the catalogue has %d versions, not %d", lines, versions)
	}
	return nil
}

// full fetches the whole catalogue: the first time after a start, and then again and again.
func (b *bench) full(ctx context.Context, s *server, versions int, keep string) (map[string]sample, error) {
	c := client(1)
	defer c.CloseIdleConnections()
	r := request{path: catalogPath, header: gzipped(), status: http.StatusOK}
	cold, err := b.timed(s, 0, func() error { return discard(ctx, c, s, r) })
	if err != nil {
		return nil, err
	}
	h, body, err := expect(ctx, c, s, http.MethodGet, r.path, r.header, nil, r.status)
	if err != nil {
		return nil, err
	}
	plain, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w; Content-Encoding is %q", err, h.Get("Content-Encoding"))
	}
	if err := checkCatalogue(plain, versions); err != nil {
		return nil, err
	}
	if keep != "" {
		if err := os.WriteFile(keep, body, 0o644); err != nil {
			return nil, err
		}
	}
	if err := waitIdle(idleLimit, b.patience()); err != nil {
		return nil, err
	}
	m := map[string]sample{"first": cold, "bytes": {unit: " MB", value: float64(len(body)) / 1e6}}
	if m["again"], err = b.timed(s, repeatFor, func() error { return discard(ctx, c, s, r) }); err != nil {
		return nil, err
	}
	zh, zbody, err := expect(ctx, c, s, http.MethodGet, r.path, http.Header{"Accept-Encoding": {"zstd"}}, nil, r.status)
	if err != nil {
		return nil, err
	}
	if zh.Get("Content-Encoding") == "zstd" {
		z, err := zstd.NewReader(bytes.NewReader(zbody))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		if err := checkCatalogue(z, versions); err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
	}
	m["bytes, zstd"] = sample{unit: " MB", value: float64(len(zbody)) / 1e6}
	m["requests"] = sample{unit: " request", value: 1}
	return m, nil
}

// walk reads docker-registry's catalogue as a mirror has to: the repositories, the tags of each, and with digests
// each manifest's head.
func walk(ctx context.Context, c *http.Client, s *server, want shape, digests bool) (requests int, err error) {
	versions := 0
	last := ""
	for {
		path := "/v2/_catalog?n=1000"
		if last != "" {
			path += "&last=" + last
		}
		var page struct{ Repositories []string }
		if err := getJSON(ctx, c, s, path, &page, &requests); err != nil {
			return requests, err
		}
		for _, name := range page.Repositories {
			var list struct{ Tags []string }
			if err := getJSON(ctx, c, s, "/v2/"+name+"/tags/list", &list, &requests); err != nil {
				return requests, err
			}
			versions += len(list.Tags)
			if !digests {
				continue
			}
			for _, tag := range list.Tags {
				h, _, err := expect(ctx, c, s, http.MethodHead, "/v2/"+name+"/manifests/"+tag, http.Header{"Accept": {"application/vnd.oci.image.manifest.v1+json"}}, nil, http.StatusOK)
				if requests++; err != nil {
					return requests, err
				}
				if h.Get("Docker-Content-Digest") == "" {
					return requests, errors.New("a manifest has no digest")
				}
			}
		}
		if len(page.Repositories) < 1000 {
			break
		}
		last = page.Repositories[len(page.Repositories)-1]
	}
	if versions != want.versions() {
		return requests, fmt.Errorf("docker-registry lists %d versions, not %d", versions, want.versions())
	}
	return requests, nil
}

func getJSON(ctx context.Context, c *http.Client, s *server, path string, v any, requests *int) error {
	_, body, err := expect(ctx, c, s, http.MethodGet, path, nil, nil, http.StatusOK)
	if err != nil {
		return err
	}
	*requests++
	return json.Unmarshal(body, v)
}

// onLayout is a side that walks docker-registry.
func (b *bench) onLayout(name string, digests bool) side {
	return side{"docker-registry, open", func(ctx context.Context, _ int) (map[string]sample, error) {
		s, err := b.startDocker(ctx, b.layout(name), 0)
		return b.used(ctx, s, err, func(ctx context.Context, s *server) (map[string]sample, error) {
			c := client(1)
			defer c.CloseIdleConnections()
			requests := 0
			m, err := b.timed(s, 0, func() error {
				var err error
				requests, err = walk(ctx, c, s, b.shapes[name], digests)
				return err
			})
			return map[string]sample{"walk": m, "requests": {unit: " requests", value: float64(requests)}}, err
		})
	}}
}

func (b *bench) catalogueGroups() []group {
	large, small := b.shapes["100k"], b.shapes["10k"]
	kept := func() string { return filepath.Join(b.work, "kept", "catalogue.gz") }
	return []group{
		{
			row: 6, name: "large", title: fmt.Sprintf("the catalogue of %d versions, one client", large.versions()),
			notes: []string{"nginx sends the same gzip bytes from a file. docker-registry's store is laid out as it lays it out itself."},
			prepare: func(ctx context.Context) error {
				return joined(os.MkdirAll(filepath.Dir(kept()), 0o755), b.embeddedCatalogue(ctx, "100k"), b.dockerLayout("100k", false), b.keepCatalogue(ctx, large, kept()))
			},
			sides: []side{
				b.onOurs("ours", ours{catalogue: "100k"}, func(ctx context.Context, s *server) (map[string]sample, error) {
					return b.full(ctx, s, large.versions(), "")
				}),
				{"nginx", func(ctx context.Context, _ int) (map[string]sample, error) {
					s, err := b.startNginx(ctx, filepath.Dir(kept()))
					return b.used(ctx, s, err, func(ctx context.Context, s *server) (map[string]sample, error) {
						c := client(1)
						defer c.CloseIdleConnections()
						r := request{path: "/catalogue.gz", status: http.StatusOK}
						if err := discard(ctx, c, s, r); err != nil {
							return nil, err
						}
						m, err := b.timed(s, repeatFor, func() error { return discard(ctx, c, s, r) })
						return one("again", m, err)
					})
				}},
				b.onLayout("100k", false),
			},
			checks: []checked{
				{"6.requests", []key{{"ours", "requests"}}, plainValue},
				{"6.bytes", []key{{"ours", "bytes"}}, plainValue},
				{"6.bytes-zstd", []key{{"ours", "bytes, zstd"}}, plainValue},
				{"6.nginx", []key{{"ours", "again"}, {"nginx", "again"}}, ratioOfTimes},
				{"6.docker", []key{{"docker-registry, open", "walk"}, {"ours", "again"}}, ratioOfTimes},
			},
		},
		{
			row: 6, name: "small", title: fmt.Sprintf("the catalogue of %d versions, brought in by registry admin import, one client", small.versions()),
			prepare: func(ctx context.Context) error {
				return joined(b.importedCatalogue(ctx, "10k"), b.dockerLayout("10k", true))
			},
			sides: []side{
				b.onOurs("ours", ours{catalogue: "10k"}, func(ctx context.Context, s *server) (map[string]sample, error) {
					return b.full(ctx, s, small.versions(), "")
				}),
				b.onLayout("10k", true),
			},
			checks: []checked{{"6.docker-digests", []key{{"docker-registry, open", "walk"}, {"ours", "again"}}, ratioOfTimes}},
		},
	}
}

// keepCatalogue keeps the bytes that ours sends, for nginx.
func (b *bench) keepCatalogue(ctx context.Context, s shape, path string) error {
	srv, err := b.startOurs(ctx, ours{catalogue: s.name})
	_, err = b.used(ctx, srv, err, func(ctx context.Context, srv *server) (map[string]sample, error) {
		return b.full(ctx, srv, s.versions(), path)
	})
	return err
}
