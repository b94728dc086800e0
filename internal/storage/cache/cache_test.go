package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/iotest"
	"time"
	"unsafe"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/memory"
	"packregistry/internal/storage/storagetest"
)

// counted counts what reaches the store behind.
type counted struct {
	storage.Store
	mu    sync.Mutex
	opens int
}

func (c *counted) Open(ctx context.Context, d pack.Digest, offset, length int64) (io.ReadCloser, error) {
	c.mu.Lock()
	c.opens++
	c.mu.Unlock()
	return c.Store.Open(ctx, d, offset, length)
}

func (c *counted) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opens
}

type env struct {
	*Store
	t      testing.TB
	behind *counted
	now    time.Time
}

func newEnv(t testing.TB, size int64) *env {
	e := &env{t: t, behind: &counted{Store: memory.New()}, now: time.Now()}
	e.Store = New(e.behind, Options{Dir: t.TempDir(), Size: size, Now: func() time.Time { return e.now }, Log: slog.New(slog.DiscardHandler)})
	return e
}

// put stores a blob of pseudo-random bytes.
func (e *env) put(seed uint64, size int) ([]byte, pack.Digest) {
	e.t.Helper()
	data, d := storagetest.Blob(seed, size)
	if err := e.Put(e.t.Context(), d, bytes.NewReader(data)); err != nil {
		e.t.Fatal(err)
	}
	return data, d
}

// get reads a blob whole and reports whether the store behind was asked.
func (e *env) get(d pack.Digest, want []byte) (asked bool) {
	e.t.Helper()
	before := e.behind.count()
	rc, err := e.Open(e.t.Context(), d, 0, -1)
	if err != nil {
		e.t.Fatal(err)
	}
	defer rc.Close()
	got, err := io.ReadAll(rc)
	if err != nil || !bytes.Equal(got, want) {
		e.t.Fatalf("read %d bytes, %v", len(got), err)
	}
	return e.behind.count() > before
}

// hot reads a blob until there is a copy.
func (e *env) hot(d pack.Digest, want []byte) {
	e.t.Helper()
	e.get(d, want)
	e.get(d, want)
	if e.get(d, want) {
		e.t.Fatal("there is no copy after two reads")
	}
}

// The digest that is asked with is a piece of a request's line, all of which would stay in memory with the copy.
func TestCopyOwnsItsDigest(t *testing.T) {
	e := newEnv(t, 1<<20)
	data, d := e.put(1, 1000)
	e.hot(d, data)
	if len(e.copies) != 1 {
		t.Fatalf("there are %d copies", len(e.copies))
	}
	for kept, at := range e.copies {
		if unsafe.StringData(string(kept)) == unsafe.StringData(string(d)) || unsafe.StringData(string(at.Value.(*blob).d)) == unsafe.StringData(string(d)) {
			t.Error("the text that was given is kept")
		}
	}
}

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store { return newEnv(t, 1<<30).Store })
}

// The same suite where each whole read finds a copy, or makes one.
func TestSuiteOfCopies(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store { return &eager{newEnv(t, 1<<30).Store} })
}

// eager reads what it stores until there is a copy.
type eager struct{ *Store }

func (e *eager) Put(ctx context.Context, d pack.Digest, src storage.Source) error {
	if err := e.Store.Put(ctx, d, src); err != nil {
		return err
	}
	for range 2 {
		rc, err := e.Open(ctx, d, 0, -1)
		if pack.IsKind(err, pack.KindNotFound) { // deleted meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, rc)
		if err = errors.Join(err, rc.Close()); err != nil {
			return err
		}
	}
	return nil
}

func TestCopyIsMadeByTheSecondRead(t *testing.T) {
	e := newEnv(t, 1<<20)
	data, d := e.put(1, 50_000)
	for i, want := range []bool{true, true, false, false} {
		if e.get(d, data) != want {
			t.Errorf("read %d: the store was asked: %v", i, !want)
		}
	}
	if hits, misses, used := e.Stats(); hits != 2 || misses != 2 || used != 50_000 {
		t.Errorf("%d hits, %d misses, %d bytes", hits, misses, used)
	}
	other, d2 := e.put(2, 50_000)
	e.get(d2, other)
	e.now = e.now.Add(storage.TrustFor)
	for range 2 {
		if !e.get(d2, other) {
			t.Error("what was read long ago counts")
		}
	}
}

// Parts come out of a copy too, and do not make one.
func TestParts(t *testing.T) {
	e := newEnv(t, 1<<20)
	data, d := e.put(1, 50_000)
	part := func(offset, length int64) {
		t.Helper()
		rc, err := e.Open(t.Context(), d, offset, length)
		if err != nil {
			t.Fatal(err)
		}
		defer rc.Close()
		got, err := io.ReadAll(rc)
		if err != nil || !bytes.Equal(got, data[offset:min(offset+length, 50_000)]) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	for range 3 {
		part(10, 100)
	}
	if _, _, used := e.Stats(); used != 0 {
		t.Error("a part has made a copy")
	}
	e.hot(d, data)
	before := e.behind.count()
	part(10, 100)
	part(49_999, 10)
	if e.behind.count() > before {
		t.Error("the store was asked for a part of what is here")
	}
}

// Those not read for longest go first, and what is being read stays whole.
func TestBound(t *testing.T) {
	e := newEnv(t, 200_000)
	data := make([][]byte, 6)
	digests := make([]pack.Digest, 6)
	for i := range 4 {
		data[i], digests[i] = e.put(uint64(i), 50_000)
		e.hot(digests[i], data[i])
	}
	e.get(digests[0], data[0])
	rc, err := e.Open(t.Context(), digests[1], 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	for i := 4; i < 6; i++ {
		data[i], digests[i] = e.put(uint64(i), 50_000)
		e.hot(digests[i], data[i])
	}
	if _, _, used := e.Stats(); used != 200_000 {
		t.Errorf("%d bytes of 200,000", used)
	}
	if e.get(digests[0], data[0]) {
		t.Error("what was read last is gone")
	}
	if !e.get(digests[2], data[2]) {
		t.Error("what was not read for longest is still here")
	}
	if got, err := io.ReadAll(rc); err != nil || !bytes.Equal(got, data[1]) {
		t.Errorf("a copy that was dropped while it is read gives %d bytes, %v", len(got), err)
	}
	big, d := e.put(9, 60_000)
	for range 3 {
		if !e.get(d, big) {
			t.Error("a blob of more than a quarter was copied")
		}
	}
}

// A deleted blob is not found, also when its copy is just being made.
func TestDelete(t *testing.T) {
	e := newEnv(t, 1<<20)
	data, d := e.put(1, 50_000)
	e.hot(d, data)
	remove := func() {
		t.Helper()
		if err := e.Delete(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Open(t.Context(), d, 0, -1); !pack.IsKind(err, pack.KindNotFound) {
			t.Fatalf("a deleted blob gives %v", err)
		}
	}
	remove()
	e.put(1, 50_000)
	e.get(d, data)
	rc, err := e.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(rc, make([]byte, 10_000)); err != nil {
		t.Fatal(err)
	}
	if err := e.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(rc); err != nil || len(rest) != 40_000 {
		t.Fatalf("%d bytes, %v", len(rest), err)
	}
	rc.Close()
	remove()
	if _, _, used := e.Stats(); used != 0 {
		t.Errorf("%d bytes are still counted", used)
	}
}

// A copy is hashed again after a while, and one that does not hold is given up.
func TestDamagedCopy(t *testing.T) {
	e := newEnv(t, 1<<20)
	data, d := e.put(1, 50_000)
	e.hot(d, data)
	rc, err := e.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, fast := rc.(storage.Settled); !fast {
		t.Error("a copy that was made just now is hashed")
	}
	rc.Close()
	if _, err := e.recent.Front().Value.(*blob).f.WriteAt([]byte{data[7] ^ 1}, 7); err != nil {
		t.Fatal(err)
	}
	e.now = e.now.Add(storage.TrustFor)
	rc, err = e.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(rc)
	rc.Close()
	if !pack.IsKind(err, pack.KindCorrupt) || len(got) == len(data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if !e.get(d, data) {
		t.Error("the damaged copy was read again")
	}
	e.hot(d, data)
	e.now = e.now.Add(storage.TrustFor)
	for range 2 {
		if e.get(d, data) {
			t.Error("a good copy was given up")
		}
	}
}

// Bytes that do not hash to their name, and reads that end early, leave no copy and no file.
func TestNothingIsLeft(t *testing.T) {
	e := newEnv(t, 1<<20)
	data, d := e.put(1, 50_000)
	e.get(d, data)
	rc, err := e.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(io.LimitReader(struct{ io.Reader }{rc}, 1000), data[:1000]); err != nil {
		t.Fatal(err)
	}
	rc.Close()
	if !e.get(d, data) { // which makes the copy
		t.Error("a read that ended early has left a copy")
	}
	if e.get(d, data) {
		t.Error("a read that ended early keeps the next one from making a copy")
	}
	names, err := os.ReadDir(e.o.Dir)
	if err != nil || len(names) > 0 {
		t.Errorf("files with names: %v, %v", names, err)
	}
}

// A disk that takes nothing costs the reader nothing.
func TestNoDisk(t *testing.T) {
	e := newEnv(t, 1<<20)
	data, d := e.put(1, 50_000)
	if err := os.Remove(e.o.Dir); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		e.get(d, data)
	}
	if _, _, used := e.Stats(); used != 0 {
		t.Errorf("%d bytes are counted", used)
	}
}

func TestDirect(t *testing.T) {
	e := newEnv(t, 1<<20)
	if storage.Direct(e.Store) != storage.Store(e.behind) || storage.Direct(e.behind) != storage.Store(e.behind) {
		t.Error("the store behind is another")
	}
}

// Many read, delete and put the same few blobs at once.
func TestTogether(t *testing.T) {
	e := newEnv(t, 150_000)
	var data [8][]byte
	var digests [8]pack.Digest
	for i := range data {
		data[i], digests[i] = e.put(uint64(i), 30_000)
	}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			for n := range 200 {
				i := (n*7 + w) % len(data)
				if n%50 == 49 && w == 0 {
					if err := e.Delete(t.Context(), digests[i]); err != nil {
						t.Error(err)
					}
					if err := e.Put(t.Context(), digests[i], bytes.NewReader(data[i])); err != nil {
						t.Error(err)
					}
					continue
				}
				rc, err := e.Open(t.Context(), digests[i], 0, -1)
				if pack.IsKind(err, pack.KindNotFound) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(rc)
				if err != nil || !bytes.Equal(got, data[i]) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				rc.Close()
			}
		})
	}
	all.Wait()
	if len(e.filling) != 0 || e.used > 150_000 || e.used != int64(e.recent.Len())*30_000 {
		t.Errorf("%d being made, %d bytes of %d copies", len(e.filling), e.used, e.recent.Len())
	}
	for _, element := range e.copies {
		if n := element.Value.(*blob).readers; n != 0 {
			t.Errorf("%d readers are left", n)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	storagetest.Benchmark(b, func(b *testing.B) storage.Store { return newEnv(b, 1<<30).Store })
}
