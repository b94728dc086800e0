package oci_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/registry"
	"packregistry/internal/registry/oci"
	"packregistry/internal/storage/storagetest"
)

func (e *env) start(repo string) string {
	e.t.Helper()
	u, err := e.Start(e.t.Context(), repo, "alice")
	e.must(err)
	if u.Offset != 0 || u.ID == "" {
		e.t.Fatalf("%+v", u)
	}
	return u.ID
}

func (e *env) append(repo, id string, offset int64, chunk []byte, want int64) {
	e.t.Helper()
	u, err := e.Append(e.t.Context(), repo, id, "alice", offset, bytes.NewReader(chunk))
	e.must(err)
	if u.Offset != want || u.ID != id {
		e.t.Fatalf("%+v, want offset %d", u, want)
	}
}

// noise is incompressible and the same for one seed.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func TestAnUploadSession(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		ctx := t.Context()
		body := noise(1, 100_000)
		for name, digest := range map[string]string{"sha256": sha(body), "sha512": sha512hex(body)} {
			repo := "app/" + name
			id := e.start(repo)
			e.append(repo, id, 0, body[:40_000], 40_000)
			e.append(repo, id, -1, body[40_000:50_000], 50_000)
			e.append(repo, id, 50_000, nil, 50_000)
			for _, wrong := range []int64{0, 40_000, 50_001} {
				u, err := e.Append(ctx, repo, id, "alice", wrong, strings.NewReader("x"))
				wantKind(t, err, pack.KindConflict, "range_invalid")
				if u == nil || u.Offset != 50_000 {
					t.Errorf("state beside the error: %+v", u)
				}
				err = e.Finish(ctx, repo, id, "alice", digest, wrong, strings.NewReader("x"))
				wantKind(t, err, pack.KindConflict, "range_invalid")
			}
			// A chunk that breaks off leaves the session where it was.
			_, err := e.Append(ctx, repo, id, "alice", 50_000, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(errors.New("reset"))))
			wantKind(t, err, pack.KindInvalid, "blob_upload_invalid")
			if u, err := e.Status(ctx, repo, id, "alice"); err != nil || u.Offset != 50_000 {
				t.Errorf("%+v %v", u, err)
			}
			// It is bound to user and repository.
			for _, c := range [][2]string{{repo, "bob"}, {"app/other", "alice"}} {
				_, err := e.Append(ctx, c[0], id, c[1], 50_000, strings.NewReader("x"))
				wantKind(t, err, pack.KindNotFound, "blob_upload_unknown")
				_, err = e.Status(ctx, c[0], id, c[1])
				wantKind(t, err, pack.KindNotFound, "blob_upload_unknown")
				wantKind(t, e.Cancel(ctx, c[0], id, c[1]), pack.KindNotFound, "blob_upload_unknown")
				wantKind(t, e.Finish(ctx, c[0], id, c[1], digest, 50_000, bytes.NewReader(body[50_000:])), pack.KindNotFound, "blob_upload_unknown")
			}
			e.must(e.Finish(ctx, repo, id, "alice", digest, 50_000, bytes.NewReader(body[50_000:])))
			e.blob(repo, digest)
			wantKind(t, e.Finish(ctx, repo, id, "alice", digest, -1, nil), pack.KindNotFound, "blob_upload_unknown")
		}
		e.clean()
		if n := len(e.blobs()); n != 1 {
			t.Errorf("%d blobs left; parts are not given up", n)
		}
		e.noSpools()
	})
}

// TestOneStreamIsNotCopied: a session of one chunk becomes a blob as it lies.
func TestOneStreamIsNotCopied(t *testing.T) {
	e := embedded(t)
	id := e.start("app")
	e.append("app", id, -1, []byte("all of it"), 9)
	e.store.Reset()
	e.must(e.Finish(t.Context(), "app", id, "alice", sha([]byte("all of it")), -1, strings.NewReader("")))
	if n := len(e.store.Calls(storagetest.OpPut)) + len(e.store.Calls(storagetest.OpOpen)); n != 0 {
		t.Errorf("%d reads and writes", n)
	}
	e.blob("app", sha([]byte("all of it")))

	id = e.start("app")
	e.must(e.Finish(t.Context(), "app", id, "alice", sha(nil), -1, nil))
	e.blob("app", sha(nil))
}

func TestAWrongDigestKeepsNothing(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		for _, last := range []string{"", "more"} {
			id := e.start("app")
			e.append("app", id, 0, []byte("bytes"), 5)
			err := e.Finish(t.Context(), "app", id, "alice", sha([]byte("others")), -1, strings.NewReader(last))
			wantKind(t, err, pack.KindInvalid, "digest_invalid")
			_, err = e.Status(t.Context(), "app", id, "alice")
			wantKind(t, err, pack.KindNotFound, "blob_upload_unknown")
		}
		id := e.start("app")
		e.append("app", id, 0, []byte("cancelled"), 9)
		e.must(e.Cancel(t.Context(), "app", id, "alice"))
		e.clean()
		if left := e.blobs(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestTwoReplicasShareASession alternates between two processes, while a third one sweeps all the time.
func TestTwoReplicasShareASession(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		a := open(t)
		cores := []*env{a, a.replica()}
		sweeper := a.replica()
		stop, done := make(chan struct{}), make(chan error, 1)
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				if _, err := sweeper.reg.Sweep(t.Context(), false); err != nil {
					done <- err
					return
				}
			}
		}()
		body := noise(2, 300_000)
		id := a.start("app")
		const step = 20_000
		for i := 0; i < len(body); i += step {
			cores[(i/step)%2].append("app", id, int64(i), body[i:i+step], int64(i+step))
		}
		a.must(cores[1].Finish(t.Context(), "app", id, "alice", sha(body), int64(len(body)), nil))
		close(stop)
		a.must(<-done)
		cores[0].blob("app", sha(body))
		a.clean()
		if n := len(a.blobs()); n != 1 {
			t.Errorf("%d blobs left", n)
		}
	})
}

// TestOfConcurrentChunksOneWins: many requests send different chunks for one offset.
func TestOfConcurrentChunksOneWins(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		id := e.start("app")
		const writers = 6
		results := make([]error, writers)
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				_, results[i] = e.Append(t.Context(), "app", id, "alice", 0, strings.NewReader(fmt.Sprint("chunk", i)))
			})
		}
		wg.Wait()
		winner := -1
		for i, err := range results {
			if err == nil {
				if winner >= 0 {
					t.Fatalf("%d and %d both won", winner, i)
				}
				winner = i
				continue
			}
			wantKind(t, err, pack.KindConflict, "range_invalid")
		}
		e.must(e.Finish(t.Context(), "app", id, "alice", sha([]byte(fmt.Sprint("chunk", winner))), 6, nil))
	})
}

// TestManyTinyChunksStayFew: the parts of a session do not grow with the number of chunks.
func TestManyTinyChunksStayFew(t *testing.T) {
	e := embedded(t)
	body := noise(3, 300)
	id := e.start("app")
	for i := range body {
		e.append("app", id, int64(i), body[i:i+1], int64(i+1))
	}
	u, err := e.db.OCIUpload(t.Context(), id)
	e.must(err)
	if len(u.Parts) > 12 {
		t.Errorf("%d parts", len(u.Parts))
	}
	e.must(e.Finish(t.Context(), "app", id, "alice", sha(body), -1, nil))
	e.blob("app", sha(body))
	e.noSpools()
	e.clean()
	if n := len(e.blobs()); n != 1 {
		t.Errorf("%d blobs left", n)
	}
}

func TestASessionHasTheLimitOfABlob(t *testing.T) {
	e := embedded(t, func(_ *registry.Config, c *oci.Config) { c.BlobLimit = 10 })
	id := e.start("app")
	e.append("app", id, 0, make([]byte, 8), 8)
	_, err := e.Append(t.Context(), "app", id, "alice", 8, bytes.NewReader(make([]byte, 3)))
	wantKind(t, err, pack.KindTooLarge, "blob_too_large")
	err = e.Finish(t.Context(), "app", id, "alice", sha(make([]byte, 11)), 8, bytes.NewReader(make([]byte, 3)))
	wantKind(t, err, pack.KindTooLarge, "blob_too_large")
	e.must(e.Finish(t.Context(), "app", id, "alice", sha(make([]byte, 10)), 8, bytes.NewReader(make([]byte, 2))))
}

// TestExpiredSessionsAndUnusedBlobsAreGivenUp by the chores before a sweep.
func TestExpiredSessionsAndUnusedBlobsAreGivenUp(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		var ahead time.Duration
		e := open(t, func(_ *registry.Config, c *oci.Config) {
			c.Now = func() time.Time { return time.Now().Add(ahead) }
		})
		id := e.start("app")
		e.append("app", id, 0, []byte("never ended"), 11)
		m := e.image("app", "", "used")
		e.push("app", "latest", m)
		unused := e.pushBlob("app", []byte("unused"))
		e.must(e.Housekeep(t.Context()))
		e.blob("app", unused)
		if u, err := e.Status(t.Context(), "app", id, "alice"); err != nil || u.Offset != 11 {
			t.Errorf("%+v %v", u, err)
		}
		ahead = -2 * time.Hour // the database goes by its own clock: a request of then lasts till an hour ago
		e.append("app", id, 11, nil, 11)
		_, err := e.Status(t.Context(), "app", id, "alice")
		wantKind(t, err, pack.KindNotFound, "blob_upload_unknown")
		ahead = 25 * time.Hour
		e.must(e.Housekeep(t.Context()))
		e.noBlob("app", unused)
		e.clean()
		e.blob("app", sha([]byte("used")))
		if n := len(e.blobs()); n != 3 {
			t.Errorf("%d blobs, want config, layer and manifest", n)
		}
	})
}

// TestTheRegistrysRunDoesTheChores: nothing but New hooks them in.
func TestTheRegistrysRunDoesTheChores(t *testing.T) {
	e := embedded(t, func(r *registry.Config, c *oci.Config) {
		r.SweepInterval = 10 * time.Millisecond
		c.UploadTTL = time.Millisecond
	})
	id := e.start("app")
	ctx := t.Context()
	done := make(chan error, 1)
	go func() { done <- e.reg.Run(ctx) }() // ends with ctx, before the cleanup
	t.Cleanup(func() { e.must(<-done) })
	deadline := time.Now().Add(time.Minute)
	for {
		// A session that has expired is not found; one that was pruned can be made anew.
		u := dbUpload(id, time.Now().Add(time.Hour))
		if err := e.db.PutOCIUpload(ctx, u, -1); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the expired session was not pruned")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
