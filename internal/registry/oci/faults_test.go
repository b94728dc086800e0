package oci_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/storage/storagetest"
)

// steps are the places at which a write can break, each in both ways: nothing happened, and it happened and said it did not.
var steps = []struct {
	name string
	arm  func(e *env, done bool)
}{
	{"lease", func(e *env, done bool) { e.db.fail("Lease", done) }},
	{"extend", func(e *env, done bool) { e.db.fail("Extend", done) }},
	{"stat", func(e *env, _ bool) { e.store.Fail(storagetest.OpStat, storagetest.Fault{}) }},
	{"put", func(e *env, done bool) { e.store.Fail(storagetest.OpPut, storagetest.Fault{Done: done}) }},
	{"open", func(e *env, _ bool) { e.store.Fail(storagetest.OpOpen, storagetest.Fault{}) }},
	{"read", func(e *env, _ bool) { e.store.Fail(storagetest.OpRead, storagetest.Fault{Bytes: 3}) }},
	{"blob row", func(e *env, done bool) { e.db.fail("PutOCIBlob", done) }},
	{"manifest row", func(e *env, done bool) { e.db.fail("PutOCIManifest", done) }},
	{"session row", func(e *env, done bool) { e.db.fail("PutOCIUpload", done) }},
	{"end of session", func(e *env, done bool) { e.db.fail("DeleteOCIUpload", done) }},
	{"publish", func(e *env, done bool) { e.db.fail("Publish", done) }},
	{"first manifest", func(e *env, done bool) { e.db.fail("FirstPackManifest", done) }},
	{"set manifest", func(e *env, done bool) { e.db.fail("SetPackManifest", done) }},
}

// writes are requests that can be sent again after a failure. Each is given a repository of its own.
var writes = []struct {
	name string
	do   func(e *env, name string) error
	read func(e *env, name string)
}{
	{"blob", func(e *env, name string) error {
		return e.PutBlob(e.t.Context(), name, "alice", sha([]byte(name)), strings.NewReader(name))
	}, func(e *env, name string) { e.blob(name, sha([]byte(name))) }},

	{"mount", func(e *env, name string) error {
		if err := e.PutBlob(e.t.Context(), name+"/from", "alice", sha([]byte(name)), strings.NewReader(name)); err != nil {
			return err
		}
		_, err := e.Mount(e.t.Context(), name, name+"/from", sha([]byte(name)), "alice")
		return err
	}, func(e *env, name string) { e.blob(name, sha([]byte(name))) }},

	{"session", func(e *env, name string) error {
		ctx := e.t.Context()
		u, err := e.Start(ctx, name, "alice")
		if err != nil {
			return err
		}
		body := []byte(name + " and more of it, in two chunks")
		if _, err := e.Append(ctx, name, u.ID, "alice", 0, bytes.NewReader(body[:20])); err != nil {
			return err
		}
		// The same session goes on from where it says it stands.
		for range 2 {
			if u, err = e.Status(ctx, name, u.ID, "alice"); err != nil {
				return err
			}
			if _, err = e.Append(ctx, name, u.ID, "alice", u.Offset, bytes.NewReader(body[u.Offset:])); err == nil {
				break
			}
		}
		if err != nil {
			return err
		}
		return e.Finish(ctx, name, u.ID, "alice", sha512hex(body), -1, nil)
	}, func(e *env, name string) { e.blob(name, sha512hex([]byte(name+" and more of it, in two chunks"))) }},

	{"manifest", func(e *env, name string) error {
		config := []byte(`"` + name + `"`)
		if err := e.PutBlob(e.t.Context(), name, "alice", sha(config), bytes.NewReader(config)); err != nil {
			return err
		}
		return e.tryPush(name, "latest", imageOf(config, ""))
	}, func(e *env, name string) {
		e.manifest(name, "latest")
		e.blob(name, sha([]byte(`"`+name+`"`)))
	}},

	{"pack", func(e *env, name string) error { return pushSmallPack(e, name, "x") }, func(e *env, name string) {
		if _, layer := e.pulls("spectro-packs/archive/"+name, "1.0.0"); !bytes.Equal(layer, packtest.PackTarGz(name, "1.0.0")) {
			e.t.Error("the layer is not what was pushed")
		}
	}},

	{"another manifest", func(e *env, name string) error {
		if err := pushSmallPack(e, name, "x"); err != nil {
			return err
		}
		return pushSmallPack(e, name, "y")
	}, func(e *env, name string) {
		m, _ := e.pulls("spectro-packs/archive/"+name, "1.0.0")
		if !bytes.Equal(m, orasManifest(packtest.PackTarGz(name, "1.0.0"), "y", "")) {
			e.t.Error("the tag is not the last push")
		}
	}},

	{"rest pack read", func(e *env, name string) error {
		if _, err := e.reg.Publish(e.t.Context(), uploadOf(packtest.PackZip(name, "1.0.0"))); err != nil {
			return err
		}
		m, err := e.Manifest(e.t.Context(), "spectro-packs/archive/"+name, "1.0.0")
		if err == nil && sha(m.Bytes) != m.Digest {
			e.t.Error("wrong bytes")
		}
		return err
	}, func(e *env, name string) { e.pulls("spectro-packs/archive/"+name, "1.0.0") }},
}

func pushSmallPack(e *env, name, title string) error {
	layer := packtest.PackTarGz(name, "1.0.0")
	repo := "spectro-packs/archive/" + name
	for _, b := range [][]byte{[]byte("{}"), layer} {
		if err := e.PutBlob(e.t.Context(), repo, "alice", sha(b), bytes.NewReader(b)); err != nil {
			return err
		}
	}
	return e.tryPush(repo, "1.0.0", orasManifest(layer, title, ""))
}

// TestAWriteBreaksAtEachStep: what fails says so, leaves nothing half, and succeeds when it is sent again; what is
// acknowledged is there, through sweeps.
func TestAWriteBreaksAtEachStep(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		n := 0
		type written struct {
			read func(*env, string)
			name string
		}
		var all []written
		failed := map[string]bool{}
		for _, step := range steps {
			for _, done := range []bool{false, true} {
				for _, w := range writes {
					n++
					name := fmt.Sprintf("app%d", n)
					t.Run(fmt.Sprintf("%s/%s/done=%t", w.name, step.name, done), func(t *testing.T) {
						e := e.on(t)
						step.arm(e, done)
						err := w.do(e, name)
						e.store.Reset()
						e.db.fail("", false)
						e.noSpools()
						if err != nil {
							failed[step.name] = true
							wantKind(t, err, pack.KindUnavailable, "")
							if _, err := e.reg.Sweep(t.Context(), false); err != nil {
								t.Fatal(err)
							}
							e.must(w.do(e, name))
						}
						w.read(e, name)
						all = append(all, written{w.read, name})
					})
				}
			}
		}
		for _, s := range steps {
			if !failed[s.name] && s.name != "end of session" && s.name != "extend" && s.name != "session row" {
				t.Errorf("no write failed at %q", s.name)
			}
		}
		e.clean()
		for _, w := range all {
			w.read(e, w.name)
		}
	})
}

// TestSweepsRaceWrites: writers share contents, deleters take them away again, sweeps run all the time; what was
// acknowledged last is whole.
func TestSweepsRaceWrites(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		cores := []*env{e, e.replica()}
		ctx := t.Context()
		var stop atomic.Bool
		var background, writers sync.WaitGroup
		for _, c := range cores {
			background.Go(func() {
				for !stop.Load() {
					if _, err := c.reg.Sweep(ctx, false); err != nil {
						t.Errorf("sweep: %v", err)
						return
					}
				}
			})
		}
		background.Go(func() { // the same contents, come and gone
			for !stop.Load() {
				for i := range 3 {
					b := fmt.Appendf(nil, "shared %d", i)
					if err := e.PutBlob(ctx, "other", "bob", sha(b), bytes.NewReader(b)); err != nil {
						t.Errorf("other: %v", err)
						return
					}
					if err := e.DeleteBlob(ctx, "other", sha(b), "bob"); err != nil {
						t.Errorf("other: %v", err)
						return
					}
				}
			}
		})
		for i := range 3 {
			c := cores[i%2].on(t)
			writers.Go(func() {
				for round := range 6 {
					repo := fmt.Sprintf("app%d", i)
					body := fmt.Appendf(nil, "shared %d", round%3)
					u, err := c.Start(ctx, repo, "alice")
					if err == nil {
						_, err = c.Append(ctx, repo, u.ID, "alice", 0, bytes.NewReader(body))
					}
					if err == nil {
						err = c.Finish(ctx, repo, u.ID, "alice", sha(body), -1, nil)
					}
					config := fmt.Appendf(nil, `"%s"`, repo)
					if err == nil {
						err = c.PutBlob(ctx, repo, "alice", sha(config), bytes.NewReader(config))
					}
					if err == nil {
						err = c.tryPush(repo, fmt.Sprint("t", round), imageOf(config, "", string(body)))
					}
					if err != nil {
						t.Errorf("%s: %v", repo, err)
						return
					}
				}
			})
		}
		writers.Go(func() {
			for round := range 4 {
				layer := packtest.PackTarGz("web", "1.0.0")
				for _, b := range [][]byte{[]byte("{}"), layer} {
					if err := e.PutBlob(ctx, web, "alice", sha(b), bytes.NewReader(b)); err != nil {
						t.Errorf("pack: %v", err)
						return
					}
				}
				if err := e.tryPush(web, "1.0.0", orasManifest(layer, fmt.Sprint(round), "")); err != nil {
					t.Errorf("pack: %v", err)
					return
				}
				if round == 1 {
					if err := e.DeleteManifest(ctx, web, "1.0.0", "alice"); err != nil {
						t.Errorf("delete: %v", err)
					}
				}
			}
		})
		writers.Wait()
		stop.Store(true)
		background.Wait()
		e.clean()
		for i := range 3 {
			for round := range 6 {
				e.manifest(fmt.Sprintf("app%d", i), fmt.Sprint("t", round))
				e.blob(fmt.Sprintf("app%d", i), sha(fmt.Appendf(nil, "shared %d", round%3)))
			}
		}
		e.pulls(web, "1.0.0")
		e.pulls(web, sha(orasManifest(packtest.PackTarGz("web", "1.0.0"), "2", "")))
	})
}

// TestBytesThatVanishBeforeTheRowArePutAgain: bytes that were there before are seen again after the row.
func TestBytesThatVanishBeforeTheRowArePutAgain(t *testing.T) {
	e := embedded(t)
	body := []byte("reused")
	e.pushBlob("one", body)
	e.db.hook("PutOCIBlob", func() { e.must(e.store.Delete(t.Context(), pack.Digest(sha(body)))) })
	e.pushBlob("two", body)
	e.blob("two", sha(body))
	e.blob("one", sha(body))

	// A part likewise.
	id := e.start("app")
	e.db.hook("PutOCIUpload", func() { e.must(e.store.Delete(t.Context(), pack.Digest(sha(body)))) })
	e.append("app", id, 0, body, 6)
	e.must(e.Finish(t.Context(), "app", id, "alice", sha512hex(body), -1, nil))
	e.blob("app", sha512hex(body))

	// And a pack, whose manifest goes with it.
	layer := packtest.PackTarGz("web", "1.0.0")
	m := e.prepare(web, layer, "")
	e.db.hook("Publish", func() { e.must(e.store.Delete(t.Context(), pack.Digest(sha(layer)))) })
	e.push(web, "1.0.0", m)
	e.pulls(web, "1.0.0")
	if e.resolve("1.0.0").Revision != 1 {
		t.Error("more than one revision")
	}
	e.rest(packtest.PackZip("web", "1.0.0"), db.Same, false)
}
