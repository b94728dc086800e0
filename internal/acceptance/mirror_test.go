package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// state is what a mirror holds: namespace/name@version to the facts that
// the feed tells of it, and namespace/name#tag to a version.
type state map[string]string

// mirror knows nothing but sync/catalog and sync/changes.
type mirror struct {
	state  state
	cursor string
}

type versionLine struct {
	Cursor                                          string
	Namespace, Name, Version, Digest, ContentDigest string
	Revision                                        int
	Tags                                            []string
}

type changeLine struct {
	Type, Namespace, Name, Version, Tag, Digest, ContentDigest string
	Revision                                                   int
}

func versionFacts(digest, contentDigest string, revision int) string {
	return fmt.Sprintf("%s %s r%d", digest, contentDigest, revision)
}

// newMirror reads the whole catalogue.
func newMirror(ctx context.Context, s *server) (*mirror, error) {
	status, body, err := s.do(ctx, http.MethodGet, "/api/v1/sync/catalog?namespace=*", nil)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("catalog: %d %s", status, body)
	}
	m := &mirror{state: state{}}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m.cursor != "" {
			return nil, fmt.Errorf("the cursor is not on the last line")
		}
		var v versionLine
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return nil, err
		}
		if v.Name == "" {
			m.cursor = v.Cursor
			continue
		}
		pack := v.Namespace + "/" + v.Name
		m.state[pack+"@"+v.Version] = versionFacts(v.Digest, v.ContentDigest, v.Revision)
		for _, tag := range v.Tags {
			m.state[pack+"#"+tag] = v.Version
		}
	}
	if m.cursor == "" {
		return nil, fmt.Errorf("the catalogue ended without a cursor")
	}
	return m, lines.Err()
}

// follow applies changes until the end of the feed; with wait it asks the server to hold an empty answer.
func (m *mirror) follow(ctx context.Context, s *server, wait string) error {
	for {
		path := "/api/v1/sync/changes?namespace=*&limit=7&since=" + url.QueryEscape(m.cursor) + wait
		status, body, err := s.do(ctx, http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("changes: %d %s", status, body)
		}
		var answer struct {
			Changes []changeLine
			Cursor  string
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return err
		}
		for _, c := range answer.Changes {
			if err := m.apply(c); err != nil {
				return err
			}
		}
		end := answer.Cursor == m.cursor && len(answer.Changes) == 0
		m.cursor = answer.Cursor
		if end {
			return nil
		}
	}
}

func (m *mirror) apply(c changeLine) error {
	pack := c.Namespace + "/" + c.Name
	switch c.Type {
	case "version.pushed", "version.replaced":
		_, known := m.state[pack+"@"+c.Version]
		if known != (c.Type == "version.replaced") {
			return fmt.Errorf("%s of %s@%s, known before: %v", c.Type, pack, c.Version, known)
		}
		m.state[pack+"@"+c.Version] = versionFacts(c.Digest, c.ContentDigest, c.Revision)
	case "version.deleted":
		if _, known := m.state[pack+"@"+c.Version]; !known {
			return fmt.Errorf("%s@%s was deleted and never pushed", pack, c.Version)
		}
		delete(m.state, pack+"@"+c.Version)
	case "tag.set":
		m.state[pack+"#"+c.Tag] = c.Version
	case "tag.deleted":
		delete(m.state, pack+"#"+c.Tag)
	default:
		return fmt.Errorf("unknown change %q", c.Type)
	}
	return nil
}

// truth reads the server's state the long way: every pack, one by one.
func truth(t *testing.T, s *server) state {
	t.Helper()
	out := state{}
	next := "/api/v1/packs?namespace=*&sort=name&limit=50"
	base := next
	for next != "" {
		var page struct {
			Items []versionLine
			Next  string
		}
		s.get(next, &page)
		for _, item := range page.Items {
			var p struct {
				Versions []versionLine
				Tags     []struct{ Tag, Version, Kind string }
			}
			s.get("/api/v1/packs/"+item.Name+"?namespace="+url.QueryEscape(item.Namespace), &p)
			pack := item.Namespace + "/" + item.Name
			for _, v := range p.Versions {
				out[pack+"@"+v.Version] = versionFacts(v.Digest, v.ContentDigest, v.Revision)
			}
			for _, tag := range p.Tags {
				if tag.Kind == "custom" {
					out[pack+"#"+tag.Tag] = tag.Version
				}
			}
		}
		next = ""
		if page.Next != "" {
			next = base + "&cursor=" + url.QueryEscape(page.Next)
		}
	}
	return out
}

func (m *mirror) check(t *testing.T, who string, want state) {
	t.Helper()
	if maps.Equal(m.state, want) {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if m.state[k] != want[k] {
			t.Errorf("%s: %s is %q at the server and %q in the mirror", who, k, want[k], m.state[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.state)) {
		if _, ok := want[k]; !ok {
			t.Errorf("%s: %s is in the mirror and not at the server", who, k)
		}
	}
}

// TestMirror starts mirrors before, during and after a storm of writes through two processes (one, embedded), and
// compares what they end with to the server's own state.
func TestMirror(t *testing.T) {
	set := packSet(t)
	eachBackend(t, func(t *testing.T, b backend) {
		servers := []*server{start(t, b)}
		if b.name != "embedded" {
			other := b
			other.dir = t.TempDir()
			servers = append(servers, start(t, other))
		}
		last := servers[len(servers)-1]
		ctx := context.Background()

		before, err := newMirror(ctx, last)
		if err != nil {
			t.Fatal(err)
		}
		tailing, stop := context.WithCancel(ctx)
		var tails sync.WaitGroup
		tail := func(m *mirror) {
			tails.Go(func() {
				for tailing.Err() == nil {
					if err := m.follow(tailing, last, "&wait=5"); err != nil && !isCancelled(err) {
						t.Errorf("a mirror stopped: %v", err)
						return
					}
				}
			})
		}
		tail(before)

		var writers sync.WaitGroup
		half := make(chan struct{})
		for w := range 4 {
			writers.Go(func() {
				for i := w; i < len(set); i += 4 {
					write(t, servers[i%len(servers)], set[i], i)
					if w == 0 && i >= len(set)/2 {
						select {
						case <-half:
						default:
							close(half)
						}
					}
				}
			})
		}
		<-half
		during, err := newMirror(ctx, servers[0])
		if err != nil {
			t.Fatal(err)
		}
		tail(during)
		writers.Wait()
		time.Sleep(1500 * time.Millisecond) // a poll may lag a second behind another replica (design 6.6)
		stop()
		tails.Wait()

		want := truth(t, servers[0])
		if len(want) < len(set)/2 {
			t.Fatalf("the server holds %d facts: the storm did not write", len(want))
		}
		after, err := newMirror(ctx, last)
		if err != nil {
			t.Fatal(err)
		}
		for who, m := range map[string]*mirror{"started before": before, "started during": during, "started after": after} {
			if err := m.follow(ctx, last, ""); err != nil {
				t.Fatalf("%s: %v", who, err)
			}
			m.check(t, who, want)
		}
	})
}

// write publishes one pack and, by turns, does to it what people do.
func write(t *testing.T, s *server, a archive, i int) {
	t.Helper()
	do := func(method, path string, body []byte, want ...int) {
		status, answer, err := s.do(context.Background(), method, path, bytes.NewReader(body))
		if err != nil {
			t.Errorf("%s %s: %v", method, path, err)
		} else if !slices.Contains(want, status) {
			t.Errorf("%s %s: %d %s", method, path, status, answer)
		}
	}
	ns := "?namespace=" + url.QueryEscape([]string{"default", "team/edge"}[i%2])
	do(http.MethodPost, "/api/v1/packs"+ns, a.data, 201)
	tag := strings.ToLower(fmt.Sprintf("label-%d", i%3))
	switch i % 5 {
	case 1:
		do(http.MethodPut, "/api/v1/packs/"+a.name+"/tags/"+tag+ns, []byte(`{"version":"`+a.version+`"}`), 200)
	case 2:
		other := made(t, a.name, a.version, "other content")
		do(http.MethodPost, "/api/v1/packs"+ns+"&force=true&message=other", other.data, 200, 201)
	case 3:
		do(http.MethodPut, "/api/v1/packs/"+a.name+"/tags/stable"+ns, []byte(`{"version":"`+a.version+`"}`), 200)
		do(http.MethodDelete, a.path()+ns, nil, 204)
	case 4:
		do(http.MethodPut, "/api/v1/packs/"+a.name+"/tags/passing"+ns, []byte(`{"version":"`+a.version+`"}`), 200)
		do(http.MethodDelete, "/api/v1/packs/"+a.name+"/tags/passing"+ns, nil, 204, 404)
	}
}
