package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// backupOf is what a backup says of itself.
type backupOf struct {
	Name, Cursor string
	Seq          int
	Blobs        int
	Copied       int
	Catalogue    struct{ SHA256 string }
}

func adminJSON(t *testing.T, b backend, args ...string) (m backupOf) {
	t.Helper()
	out := admin(t, b, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatalf("registry admin %v printed %q: %v", args, out, err)
	}
	return m
}

// feedEntry is a whole entry of the feed.
type feedEntry struct {
	Seq                                              int
	Cursor, Type, Name, Version, Tag, Digest, At, By string
	Revision                                         int
}

// feed reads the whole feed.
func (s *server) feed() (all []feedEntry, cursor string) {
	s.t.Helper()
	for {
		var page struct {
			Changes []feedEntry
			Cursor  string
		}
		s.get("/api/v1/sync/changes?limit=1000&since="+url.QueryEscape(cursor), &page)
		if len(page.Changes) == 0 {
			return all, cursor
		}
		all, cursor = append(all, page.Changes...), page.Cursor
	}
}

// catalogue is what the server lists, and what a feed adds up to: name and version to digest and tags.
func (s *server) catalogue() map[string]string {
	s.t.Helper()
	status, body, err := s.do(context.Background(), http.MethodGet, "/api/v1/sync/catalog", nil)
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("catalog: %d %v", status, err)
	}
	out := map[string]string{}
	for line := range bytes.Lines(body) {
		var v struct {
			Name, Version, Digest string
			Tags                  []string
		}
		if err := json.Unmarshal(line, &v); err != nil {
			s.t.Fatal(err)
		}
		if v.Name == "" { // the last line
			continue
		}
		out[v.Name+"/"+v.Version] = v.Digest
		for _, tag := range v.Tags {
			out[v.Name+":"+tag] = v.Version
		}
	}
	return out
}

func replay(feed []feedEntry) map[string]string {
	out := map[string]string{}
	for _, c := range feed {
		switch c.Type {
		case "version.pushed", "version.replaced":
			out[c.Name+"/"+c.Version] = c.Digest
		case "version.deleted":
			delete(out, c.Name+"/"+c.Version)
		case "tag.set":
			out[c.Name+":"+c.Tag] = c.Version
		case "tag.deleted":
			delete(out, c.Name+":"+c.Tag)
		}
	}
	return out
}

// TestBackupUnderWrites: while clients push, overwrite, tag and delete, and sweeps take what they can, backups are made. What comes
// back from one is the catalogue of its instant, with its history; cursors of later are gone.
func TestBackupUnderWrites(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b, "REGISTRY_SWEEP_GRACE=0s", "REGISTRY_SWEEP_INTERVAL=50ms")
		dir := filepath.Join(t.TempDir(), "backups")
		writing := writers(t, s)
		var taken []backupOf
		for range 3 {
			writing.more(20)
			taken = append(taken, adminJSON(t, b, "backup", dir))
		}
		writing.more(20)
		writing.stop()
		feed, last := s.feed()
		s.kill()
		m := taken[len(taken)-1]
		if m.Seq <= taken[0].Seq || m.Seq >= len(feed) {
			t.Fatalf("the backup is of change %d, the first of %d, and there are %d: nothing was written meanwhile", m.Seq, taken[0].Seq, len(feed))
		}

		fresh := another(t, b)
		if got := adminJSON(t, fresh, "restore", dir); got.Cursor != m.Cursor {
			t.Errorf("restored %+v, want %+v", got, m)
		}
		checkVerify(t, fresh)
		s = start(t, fresh)
		got, cursor := s.feed()
		if diff := cmp.Diff(feed[:m.Seq], got); diff != "" || cursor != m.Cursor {
			t.Errorf("the feed (-before +restored):\n%s", diff)
		}
		if diff := cmp.Diff(replay(feed[:m.Seq]), s.catalogue()); diff != "" {
			t.Errorf("the catalogue (-instant of the backup +restored):\n%s", diff)
		}
		for name, digest := range s.catalogue() {
			if name, version, ok := strings.Cut(name, "/"); ok {
				checkAcked(t, s, map[string]archive{(archive{name: name, version: version}).path(): {digest: digest}}, 1)
			}
		}
		status, body, err := s.do(t.Context(), http.MethodGet, "/api/v1/sync/changes?since="+url.QueryEscape(last), nil)
		if err != nil || status != http.StatusGone {
			t.Errorf("a cursor newer than the backup: %d %s %v", status, body, err)
		}
	})
}

// another is an empty back end of the same kind.
func another(t *testing.T, b backend) backend {
	t.Helper()
	if b.name != "embedded" {
		return production(t)
	}
	dir := t.TempDir()
	return backend{name: b.name, dir: dir, env: []string{"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=" + dir}}
}

// writing is what writers do until they are told to stop.
type writing struct {
	acked atomic.Int64
	each  chan struct{} // told of each write that was acknowledged, when somebody listens
	ended chan struct{}
	stop  func()
}

// more waits until so many more writes were acknowledged.
func (w *writing) more(n int64) {
	for until := w.acked.Load() + n; w.acked.Load() < until; {
		select {
		case <-w.each:
		case <-w.ended: // all writers have failed, and said so
			return
		}
	}
}

func writers(t *testing.T, s *server) *writing {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &writing{each: make(chan struct{}, 1), ended: make(chan struct{})}
	w.stop = func() { cancel(); <-w.ended }
	t.Cleanup(cancel)
	var n atomic.Int64
	var group sync.WaitGroup
	for who := range 3 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(2026, uint64(who)))
			for ctx.Err() == nil {
				name := fmt.Sprintf("pack-%d-%d", who, r.IntN(4))
				a := made(t, name, fmt.Sprintf("1.%d.0", r.IntN(6)), fmt.Sprint(n.Add(1)))
				method, path, body := http.MethodPost, "/api/v1/packs?force=true&message=again", a.data
				switch r.IntN(6) {
				case 0:
					method, path, body = http.MethodDelete, a.path(), nil
				case 1:
					method, path, body = http.MethodPut, "/api/v1/packs/"+name+"/tags/stable", []byte(`{"version":"`+a.version+`"}`)
				}
				status, text, err := s.do(ctx, method, path, bytes.NewReader(body))
				switch {
				case isCancelled(err):
					return
				case err != nil || status >= 300 && status != http.StatusNotFound:
					t.Errorf("%s %s: %d %s %v", method, path, status, text, err)
					return
				}
				w.acked.Add(1)
				select {
				case w.each <- struct{}{}:
				default:
				}
			}
		})
	}
	go func() { group.Wait(); close(w.ended) }()
	return w
}
