package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"

	"packregistry/internal/pack/packtest"
)

const mib = 1 << 20

// on runs measure against a fresh server on the back end.
func (b *bench) on(where string, measure func(s *server) error) error {
	s, err := b.start(where)
	if err != nil {
		return err
	}
	if err := measure(s); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return s.stop()
}

// startup is the median of five starts on empty stores.
func (b *bench) startup() error {
	var times []time.Duration
	for range 5 {
		if err := b.on(embedded, func(s *server) error { times = append(times, s.ready); return nil }); err != nil {
			return err
		}
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	b.add("start to first /ready 200, empty store", embedded, ms(times[2]), 300, "ms")
	return nil
}

// perRequest sends n requests from 8 clients and returns the server's CPU time for each, and the rate.
func (s *server) perRequest(n int, send func(i int) error) (cpu time.Duration, rate float64, err error) {
	before, err := s.cpu()
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	var g errgroup.Group
	for w := range 8 {
		g.Go(func() error {
			for i := w; i < n; i += 8 {
				if err := send(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return 0, 0, err
	}
	wall := time.Since(begin)
	after, err := s.cpu()
	return (after - before) / time.Duration(n), float64(n) / wall.Seconds(), err
}

func (b *bench) smallDownload() error {
	return b.both(func(where string, s *server) error {
		data := synthetic("small", "1.0.0", 15_000, 1)
		if err := s.expect(http.MethodPost, "/api/v1/packs", data, 201); err != nil {
			return err
		}
		path := "/api/v1/packs/small/versions/1.0.0/archive"
		if err := s.expect(http.MethodGet, path, nil, 200); err != nil {
			return err
		}
		cpu, rate, err := s.perRequest(20_000, func(int) error { return s.expect(http.MethodGet, path, nil, 200) })
		if err != nil {
			return err
		}
		budget := 0.0
		if where == embedded {
			budget = 0.3
		}
		b.add(fmt.Sprintf("server CPU per download of %.0f KB, htpasswd of cost 10", float64(len(data))/1000), where, ms(cpu), budget, "ms")
		b.add("downloads of it, 8 clients", where, rate, 0, "/s")
		return nil
	})
}

func (b *bench) smallUpload() error {
	return b.both(func(where string, s *server) error {
		const n = 400
		packs := make([][]byte, n)
		for i := range packs {
			packs[i] = synthetic(fmt.Sprintf("upload-%d", i%20), fmt.Sprintf("1.%d.0", i), 98_000, uint64(i))
		}
		cpu, rate, err := s.perRequest(n, func(i int) error { return s.expect(http.MethodPost, "/api/v1/packs", packs[i], 201) })
		if err != nil {
			return err
		}
		budget := 0.0
		if where == embedded {
			budget = 15
		}
		b.add("server CPU per upload of 100 KB", where, ms(cpu), budget, "ms")
		b.add("uploads of it, 8 clients", where, rate, 0, "/s")
		return nil
	})
}

func (b *bench) realPacks() error {
	paths, err := filepath.Glob(filepath.Join(b.packs, "*.zip"))
	if err != nil || len(paths) == 0 {
		fmt.Fprintln(os.Stderr, "budgets: no real packs in", b.packs)
		return err
	}
	return b.both(func(where string, s *server) error {
		begin := time.Now()
		if _, _, err := s.perRequest(len(paths), func(i int) error {
			data, err := os.ReadFile(paths[i])
			if err != nil {
				return err
			}
			return s.expect(http.MethodPost, "/api/v1/packs", data, 201)
		}); err != nil {
			return err
		}
		budget := 0.0
		if where == embedded {
			budget = 6
		}
		b.add(fmt.Sprintf("%d real packs, 8 clients", len(paths)), where, time.Since(begin).Seconds(), budget, "s")
		return nil
	})
}

func (b *bench) unchanged() error {
	return b.both(func(where string, s *server) error {
		for i := range 50 {
			if err := s.expect(http.MethodPost, "/api/v1/packs", synthetic("poll", fmt.Sprintf("1.%d.0", i), 2000, uint64(i)), 201); err != nil {
				return err
			}
		}
		_, header, err := s.send(http.MethodGet, "/api/v1/sync/catalog", nil, 0, nil)
		if err != nil {
			return err
		}
		same := http.Header{"If-None-Match": {header.Get("ETag")}}
		cpu, rate, err := s.perRequest(50_000, func(int) error {
			status, _, err := s.send(http.MethodGet, "/api/v1/sync/catalog", nil, 0, same)
			if err == nil && status != http.StatusNotModified {
				err = fmt.Errorf("sync/catalog answered %d, not 304", status)
			}
			return err
		})
		if err != nil {
			return err
		}
		b.add("server CPU per sync/catalog, nothing changed", where, ms(cpu), 0.1, "ms")
		b.add("such polls, 8 clients", where, rate, 0, "/s")
		return nil
	})
}

// memory uploads and downloads big archives of bytes that do not compress.
func (b *bench) memory() error {
	big := filepath.Join(b.work, "big.zip")
	if err := writeBig(big, "big", 200*mib); err != nil {
		return err
	}
	var eight [8]string
	for i := range eight {
		eight[i] = filepath.Join(b.work, fmt.Sprintf("eight-%d.zip", i))
		if err := writeBig(eight[i], fmt.Sprintf("eight-%d", i), 100*mib); err != nil {
			return err
		}
	}
	return b.both(func(where string, s *server) error {
		if err := s.upload(big); err != nil {
			return err
		}
		peak, err := s.peak()
		if err != nil {
			return err
		}
		b.add("peak resident memory, one upload of 200 MiB", where, peak, 80, "MiB")
		if err := s.resetPeak(); err != nil {
			return err
		}
		var g errgroup.Group
		for i, path := range eight {
			g.Go(func() error {
				if err := s.upload(path); err != nil {
					return err
				}
				return s.expect(http.MethodGet, fmt.Sprintf("/api/v1/packs/eight-%d/versions/1.0.0/archive", i), nil, 200)
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if peak, err = s.peak(); err != nil {
			return err
		}
		b.add("peak resident memory, eight of 100 MiB up and down at once", where, peak, 80, "MiB")
		return nil
	})
}

func (b *bench) both(measure func(where string, s *server) error) error {
	for _, where := range []string{embedded, postgres} {
		if err := b.on(where, func(s *server) error { return measure(where, s) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) expect(method, path string, body []byte, want int) error {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	status, _, err := s.send(method, path, r, int64(len(body)), nil)
	if err == nil && status != want {
		err = fmt.Errorf("%s %s answered %d, not %d", method, path, status, want)
	}
	return err
}

func (s *server) upload(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	status, _, err := s.send(http.MethodPost, "/api/v1/packs", f, info.Size(), nil)
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("upload of %s answered %d", filepath.Base(path), status)
	}
	return err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// synthetic is a valid pack whose archive is about size bytes: noise that does not compress.
func synthetic(name, version string, size int, seed uint64) []byte {
	noise := make([]byte, size)
	fill(noise, seed)
	files := packtest.Pack(name, version)
	files["files/noise.bin"] = string(noise)
	return packtest.Zip(files)
}

// writeBig writes a valid pack of about size bytes to path, without holding it.
func writeBig(path, name string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for file, content := range packtest.Pack(name, "1.0.0") {
		w, err := z.Create(file)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, content); err != nil {
			return err
		}
	}
	chunk := make([]byte, mib)
	for i := int64(0); i < size; i += 8 * mib {
		w, err := z.Create(fmt.Sprintf("files/noise-%03d.bin", i/mib))
		if err != nil {
			return err
		}
		for range 8 {
			fill(chunk, rand.Uint64())
			if _, err := w.Write(chunk); err != nil {
				return err
			}
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}

func fill(b []byte, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i+8 <= len(b); i += 8 {
		v := r.Uint64()
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
}
