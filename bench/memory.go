package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const mib = 1 << 20

// peak measures how far the resident memory of a server rises above idle while do runs.
func (b *bench) peak(ctx context.Context, s *server, do func() error) (sample, error) {
	// The first upload makes what every later one has: it is not what this row is about.
	if _, err := putOurs(ctx, s, packBytes); err != nil {
		return sample{}, err
	}
	if err := waitIdle(idleLimit, b.patience()); err != nil {
		return sample{}, err
	}
	idle, err := memory(s.pid, "VmRSS")
	if err != nil {
		return sample{}, err
	}
	if err := forgetPeak(s.pid); err != nil {
		return sample{}, err
	}
	used, err := window(do)
	if err != nil {
		return sample{}, err
	}
	if b.profiling {
		if err := b.fetchProfile(s, "heap", "heap"); err != nil {
			return sample{}, err
		}
	}
	top, err := memory(s.pid, "VmHWM")
	return sample{unit: " MiB", value: max(0, top-idle), others: used.others}, err
}

// uploadFile uploads a file without holding it.
func uploadFile(ctx context.Context, c *http.Client, s *server, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/packs", f)
	if err != nil {
		return err
	}
	req.ContentLength, req.Header = fi.Size(), s.header.Clone()
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("the upload of %s answered %d", filepath.Base(path), resp.StatusCode)
	}
	return nil
}

// slow opens n downloads that read a little now and then, for a time.
func slow(ctx context.Context, s *server, r request, n int, length time.Duration) error {
	addr := strings.TrimPrefix(s.url, "http://")
	d := net.Dialer{Timeout: 10 * time.Second, Control: func(_, _ string, c syscall.RawConn) error {
		var serr error
		if err := c.Control(func(fd uintptr) { serr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) }); err != nil {
			return err
		}
		return serr
	}}
	end := time.Now().Add(length)
	errs := make(chan error, n)
	for range n {
		go func() {
			errs <- func() error {
				conn, err := d.DialContext(ctx, "tcp", addr)
				if err != nil {
					return err
				}
				defer conn.Close()
				if err := conn.SetDeadline(end.Add(20 * time.Second)); err != nil {
					return err
				}
				if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n\r\n", r.path, addr, s.header.Get("Authorization")); err != nil {
					return err
				}
				in := bufio.NewReaderSize(conn, 2048)
				line, err := in.ReadString('\n')
				if err != nil {
					return err
				}
				if !strings.HasPrefix(line, "HTTP/1.1 200") {
					return fmt.Errorf("a slow download answered %q", line)
				}
				for buf := make([]byte, 2048); time.Now().Before(end); {
					if _, err := in.Read(buf); err != nil {
						return err
					}
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(200 * time.Millisecond):
					}
				}
				return nil
			}()
		}()
	}
	var first error
	for range n {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

func (b *bench) memoryGroups() []group {
	one1, eight, downloads, slowSize := int64(1024*mib), int64(100*mib), 500, 8*mib
	if b.quick {
		one1, eight, downloads, slowSize = 64*mib, 8*mib, 50, 2*mib
	}
	files := func() string { return filepath.Join(b.work, "big") }
	at := func(i int) string { return filepath.Join(files(), fmt.Sprintf("%d.zip", i)) }
	prepare := func(context.Context) error {
		return b.onlyOnce("packs of up to 1 GiB", func() error {
			if err := os.MkdirAll(files(), 0o755); err != nil {
				return err
			}
			for i := range 9 {
				size := eight
				if i == 8 {
					size = one1
				}
				if err := writeBig(at(i), fmt.Sprintf("big-%d", i), size); err != nil {
					return err
				}
			}
			return nil
		})
	}
	upload := func(name string, which ...int) func(context.Context, *server) (map[string]sample, error) {
		return func(ctx context.Context, s *server) (map[string]sample, error) {
			c := client(len(which))
			defer c.CloseIdleConnections()
			m, err := b.peak(ctx, s, func() error {
				errs := make([]error, len(which))
				var all sync.WaitGroup
				for n, i := range which {
					all.Go(func() { errs[n] = uploadFile(ctx, c, s, at(i)) })
				}
				all.Wait()
				return joined(errs...)
			})
			return one(name, m, err)
		}
	}
	slowly := func(ctx context.Context, s *server) (map[string]sample, error) {
		r, err := putOurs(ctx, s, slowSize)
		if err != nil {
			return nil, err
		}
		m, err := b.peak(ctx, s, func() error { return slow(ctx, s, r, downloads, 4*time.Second) })
		return one("slow", m, err)
	}
	var groups []group
	for _, production := range []bool{false, true} {
		name, suffix := "ours", ""
		if production {
			name, suffix = "ours, Postgres and S3", "-s3"
		}
		o := ours{big: true, production: production}
		groups = append(groups, group{
			row: 9, name: "peak" + suffix, rounds: 3, prepare: prepare, title: "peak of resident memory over idle: " + name,
			sides: []side{
				b.onOurs(name+": 1 GiB", o, upload("one", 8)),
				b.onOurs(name+": eight of 100 MiB", o, upload("eight", 0, 1, 2, 3, 4, 5, 6, 7)),
				b.onOurs(name+": slow downloads", o, slowly),
			},
			checks: []checked{
				{"9.upload-1g" + suffix, []key{{name + ": 1 GiB", "one"}}, plainValue},
				{"9.upload-8" + suffix, []key{{name + ": eight of 100 MiB", "eight"}}, plainValue},
				{"9.slow-500" + suffix, []key{{name + ": slow downloads", "slow"}}, plainValue},
			},
		})
	}
	return append(groups, b.idleGroup())
}

// idleGroup measures memory at rest, after a start and after everything was asked for once.
func (b *bench) idleGroup() group {
	idle := func(ctx context.Context, s *server) (map[string]sample, error) {
		start, err := memory(s.pid, "VmRSS")
		if err != nil {
			return nil, err
		}
		r, err := unchanged(ctx, s, catalogPath)
		if err != nil {
			return nil, err
		}
		if err := joined(check(ctx, s, r, 1), check(ctx, s, request{path: "/api/v1/packs?q=operator&facets=true", status: http.StatusOK}, 1), waitIdle(idleLimit, b.patience())); err != nil {
			return nil, err
		}
		if err := waitIdle(idleLimit, b.patience()); err != nil {
			return nil, err
		}
		if b.profiling {
			if err := b.fetchProfile(s, "heap", "heap"); err != nil {
				return nil, err
			}
		}
		rest, err := memory(s.pid, "VmRSS")
		return map[string]sample{"after a start": {unit: " MiB", value: start}, "after a catalogue and a search": {unit: " MiB", value: rest}}, err
	}
	const production, load = "ours, Postgres and S3", "after a catalogue and a search"
	return group{
		row: 9, name: "idle", rounds: 3, title: fmt.Sprintf("resident memory at rest, %d versions", b.shapes["100k"].versions()),
		prepare: func(ctx context.Context) error {
			return b.bothCatalogues(ctx, "100k")
		},
		sides: []side{
			b.onOurs("ours", ours{catalogue: "100k"}, idle),
			b.onOurs(production, ours{catalogue: "100k", production: true}, idle),
		},
		checks: []checked{
			{"9.idle", []key{{"ours", load}}, plainValue},
			{"9.idle-postgres", []key{{production, load}}, plainValue},
		},
	}
}
