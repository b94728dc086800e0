package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/pack"
)

// clock is a time that the test moves.
type clock struct{ t atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.t.Store(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) Now() time.Time          { return time.Unix(0, c.t.Load()) }
func (c *clock) Advance(d time.Duration) { c.t.Add(int64(d)) }

// memory is an account store that can be changed and broken.
type memory struct {
	mu    sync.Mutex
	list  []Account
	err   error
	asked int
}

func (m *memory) Accounts(context.Context) ([]Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.err != nil {
		return nil, m.err
	}
	return append([]Account(nil), m.list...), nil
}

func (m *memory) set(err error, list ...Account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list, m.err = list, err
}

func (m *memory) questions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := HashPassword(password, MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func mustNew(t *testing.T, cfg Config) *Authenticator {
	t.Helper()
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// login returns the identity or the kind of the error.
func login(t *testing.T, a *Authenticator, user, password, address string) string {
	t.Helper()
	id, err := a.Authenticate(t.Context(), user, password, address)
	if err != nil {
		var e *pack.Error
		if !errors.As(err, &e) {
			t.Fatalf("not a *pack.Error: %v", err)
		}
		if e.Kind == pack.KindBusy && e.RetryAfter <= 0 {
			t.Errorf("busy without RetryAfter")
		}
		return string(e.Kind)
	}
	return fmt.Sprintf("%s %s %s", id.Name, id.Role, id.Source)
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestStoreWinsOverFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "htpasswd")
	text := fmt.Sprintf("admin:%s\nspectro:%s\nci:%s\n", hash(t, "file"), hash(t, "read"), hash(t, "push"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClock()
	store := &memory{list: []Account{{"admin", hash(t, "db"), Admin}}}
	a := mustNew(t, Config{Store: store, Htpasswd: file, Publishers: []string{"ci"}, Now: c.Now})
	expect(t, "store", login(t, a, "admin", "db", "1"), "admin admin database")
	expect(t, "file of the same name", login(t, a, "admin", "file", "1"), "unauthorized")
	expect(t, "reader", login(t, a, "spectro", "read", "1"), "spectro reader htpasswd")
	expect(t, "publisher", login(t, a, "ci", "push", "1"), "ci publisher htpasswd")
	expect(t, "unknown", login(t, a, "nobody", "x", "1"), "unauthorized")
	expect(t, "empty", login(t, a, "", "", "1"), "unauthorized")
	expect(t, "too long", login(t, a, "admin", strings.Repeat("x", 5000), "1"), "unauthorized")

	// With the account gone from the store, the line of the file counts.
	store.set(nil)
	c.Advance(2 * time.Second)
	expect(t, "after removal", login(t, a, "admin", "db", "1"), "unauthorized")
	expect(t, "file", login(t, a, "admin", "file", "1"), "admin admin htpasswd")
	if a.FileAccounts() != Admin {
		t.Errorf("FileAccounts: %v", a.FileAccounts())
	}
}

// Verified credentials pass without hashing, until their line changes in any way.
func TestCacheIsBoundToTheLine(t *testing.T) {
	c := newClock()
	h := hash(t, "one")
	store := &memory{list: []Account{{"u", h, Publisher}}}
	a := mustNew(t, Config{Store: store, Now: c.Now, MaxHashing: 1})
	expect(t, "first", login(t, a, "u", "one", "1"), "u publisher database")

	// With the only place to hash taken, only remembered credentials get through.
	if err := a.gate.enter(t.Context(), "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	expect(t, "cached", login(t, a, "u", "one", "1"), "u publisher database")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Authenticate(ctx, "u", "two", "1"); !errors.Is(err, context.Canceled) {
		t.Errorf("a wrong password did not wait for a place: %v", err)
	}
	a.gate.leave("192.0.2.1")

	store.set(nil, Account{"u", h, Reader})
	c.Advance(maxAge)
	expect(t, "changed role", login(t, a, "u", "one", "1"), "u reader database")
	store.set(nil, Account{"u", hash(t, "two"), Reader})
	c.Advance(maxAge)
	expect(t, "old password", login(t, a, "u", "one", "1"), "unauthorized")
	expect(t, "new password", login(t, a, "u", "two", "1"), "u reader database")
}

// A password set a moment ago works although the copy of the accounts is young.
func TestNewAccountWorksAtOnce(t *testing.T) {
	c := newClock()
	store := &memory{}
	a := mustNew(t, Config{Store: store, Now: c.Now})
	expect(t, "before", login(t, a, "new", "pw", "1"), "unauthorized")
	store.set(nil, Account{"new", hash(t, "pw"), Reader})
	expect(t, "after", login(t, a, "new", "pw", "1"), "new reader database")
}

func TestStoreIsAskedOnceASecond(t *testing.T) {
	c := newClock()
	store := &memory{list: []Account{{"u", hash(t, "pw"), Reader}}}
	a := mustNew(t, Config{Store: store, Now: c.Now})
	login(t, a, "u", "pw", "1")
	before := store.questions()
	for range 500 {
		login(t, a, "u", "pw", "1")
	}
	if n := store.questions() - before; n != 0 {
		t.Errorf("asked %d times within the second", n)
	}
	c.Advance(maxAge)
	login(t, a, "u", "pw", "1")
	if n := store.questions() - before; n != 1 {
		t.Errorf("asked %d times after it", n)
	}
}

func TestStoreDown(t *testing.T) {
	c := newClock()
	store := &memory{err: errors.New("down")}
	a := mustNew(t, Config{Store: store, Now: c.Now})
	expect(t, "never up", login(t, a, "u", "pw", "1"), "unavailable")
	store.set(nil, Account{"u", hash(t, "pw"), Reader})
	c.Advance(time.Minute)
	expect(t, "up", login(t, a, "u", "pw", "1"), "u reader database")
	store.set(errors.New("down"))
	c.Advance(keepSnapshot - time.Second)
	expect(t, "last known", login(t, a, "u", "pw", "1"), "u reader database")
	c.Advance(2 * time.Second)
	expect(t, "too old", login(t, a, "u", "pw", "1"), "unavailable")
}

func TestPauseAfterFailures(t *testing.T) {
	c := newClock()
	store := &memory{list: []Account{{"u", hash(t, "pw"), Reader}, {"v", hash(t, "pw"), Reader}}}
	a := mustNew(t, Config{Store: store, Now: c.Now})
	expect(t, "cached before", login(t, a, "v", "pw", "evil"), "v reader database")
	for range maxFailures {
		expect(t, "wrong", login(t, a, "u", "x", "evil"), "unauthorized")
		expect(t, "wrong", login(t, a, "v", "x", "evil"), "unauthorized")
	}
	expect(t, "paused", login(t, a, "u", "x", "evil"), "busy")
	expect(t, "right but not remembered", login(t, a, "u", "pw", "evil"), "busy")
	expect(t, "remembered", login(t, a, "v", "pw", "evil"), "v reader database")
	expect(t, "another address", login(t, a, "u", "pw", "good"), "u reader database")
	expect(t, "another unknown user", login(t, a, "w", "pw", "evil"), "unauthorized")
	c.Advance(firstPause)
	expect(t, "after the pause", login(t, a, "u", "nope", "evil"), "unauthorized")
	c.Advance(firstPause)
	expect(t, "the second pause is longer", login(t, a, "u", "nope", "evil"), "busy")
	c.Advance(firstPause)
	expect(t, "forgiven", login(t, a, "u", "pw", "evil"), "u reader database")
}

// A wrong password costs the same for an unknown user, a cheap line and a dear one.
func TestEqualWork(t *testing.T) {
	dear, err := HashPassword("pw", MinCost+3)
	if err != nil {
		t.Fatal(err)
	}
	a := mustNew(t, Config{Store: &memory{list: []Account{{"cheap", hash(t, "pw"), Reader}, {"dear", dear, Reader}}}, Now: time.Now})
	for _, user := range []string{"cheap", "dear", "unknown"} {
		before := a.work.Load()
		expect(t, user, login(t, a, user, "wrong", "1"), "unauthorized")
		if got := a.work.Load() - before; got != 1<<(MinCost+3) {
			t.Errorf("%s: work of %d", user, got)
		}
	}
}

// Clients that start together hash once and see one answer.
func TestManyAtOnce(t *testing.T) {
	store := &memory{list: []Account{{"u", hash(t, "pw"), Reader}}}
	a := mustNew(t, Config{Store: store, Now: time.Now})
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			password, want := "pw", ""
			if i%3 == 0 {
				password, want = "wrong", string(pack.KindUnauthorized)
			}
			_, err := a.Authenticate(t.Context(), "u", password, fmt.Sprint(i))
			if got := string(pack.KindOf(err)); got != want {
				t.Errorf("%d: %q, want %q", i, got, want)
			}
		})
	}
	wg.Wait()
}

func TestGateRefusesAQueueThatIsTooLong(t *testing.T) {
	g := newGate(1)
	if err := g.enter(t.Context(), "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range maxQueue {
		wg.Go(func() {
			if err := g.enter(ctx, fmt.Sprint("198.51.100.", i)); !errors.Is(err, context.Canceled) {
				t.Errorf("enter: %v", err)
			}
		})
	}
	queued := func() int { g.mu.Lock(); defer g.mu.Unlock(); return g.in }
	for queued() < maxQueue+1 {
		time.Sleep(time.Millisecond)
	}
	if err := g.enter(t.Context(), "192.0.2.1"); !pack.IsKind(err, pack.KindBusy) {
		t.Errorf("the queue has no end: %v", err)
	}
	cancel()
	wg.Wait()
	g.leave("192.0.2.1")
	if err := g.enter(t.Context(), "192.0.2.1"); err != nil {
		t.Errorf("no place after all left: %v", err)
	}
}
