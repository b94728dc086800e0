package dbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func ociRaceTests() []test {
	return []test{
		{"writers of one manifest and tag", raceManifest},
		{"writers of one new tag each", raceTags},
		{"of two appends exactly one wins", raceAppend},
		{"a blob is never pruned or deleted from below a manifest", racePrune},
		{"no reference without its blob, while sweeps run", raceSweep},
		{"a mount finds its blob or none", raceMount},
		{"set and deleted versions", raceSetAndDelete},
	}
}

func raceManifest(t *testing.T, env Env) {
	const writers = 16
	ctx := t.Context()
	errs := make([]error, writers)
	together(t, env, writers, func(i int, d db.DB) { // half put the same, half one of their own, all under one tag
		text := "shared"
		if i%2 == 1 {
			text = fmt.Sprint("own ", i)
		}
		m := manifest(text, digestStr("layer"))
		errs[i] = errors.Join(tryPutBlob(ctx, d, "race/r", "layer"), tryPutManifest(ctx, d, "race/r", m, "latest", text[:3]))
	})
	ok(t, errors.Join(errs...))
	same(t, "tags", []string{"latest", "own", "sha"}, must(env.DB.OCITags(ctx, "race/r", 0, ""))(t))
	same(t, "the shared one", digestStr("shared"), must(env.DB.OCIManifest(ctx, "race/r", "sha"))(t).Digest)
	last := must(env.DB.OCIManifest(ctx, "race/r", "latest"))(t)
	must(env.DB.OCIManifest(ctx, "race/r", last.Digest))(t)
	for i := 1; i < writers; i += 2 {
		must(env.DB.OCIManifest(ctx, "race/r", digestStr(fmt.Sprint("own ", i))))(t)
	}
	same(t, "repositories", []string{"race/r"}, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
}

func raceTags(t *testing.T, env Env) {
	const writers = 16
	ctx := t.Context()
	var want []string
	for i := range writers {
		if i%4 != 0 {
			want = append(want, fmt.Sprintf("t%02d", i))
		}
	}
	m := putImage(t, env.DB, "r", "one", "first")
	errs := make([]error, writers)
	together(t, env, writers, func(i int, d db.DB) {
		tag := fmt.Sprintf("t%02d", i)
		errs[i] = d.PutOCIManifest(ctx, "r", m, []string{tag}, "")
		if i%4 == 0 {
			errs[i] = errors.Join(errs[i], d.DeleteOCITag(ctx, "r", tag))
		}
	})
	ok(t, errors.Join(errs...))
	ok(t, env.DB.DeleteOCITag(ctx, "r", "first"))
	same(t, "tags", want, must(env.DB.OCITags(ctx, "r", 0, ""))(t))
	same(t, "listed", []string{"r"}, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
	together(t, env, len(want), func(i int, d db.DB) { errs[i] = d.DeleteOCITag(ctx, "r", want[i]) })
	ok(t, errors.Join(errs...))
	same(t, "listed", []string{}, must(env.DB.OCIRepositories(ctx, 0, ""))(t))
}

func raceAppend(t *testing.T, env Env) {
	const writers, rounds = 8, 6
	ctx := t.Context()
	u := upload(t, env.DB, "u", "r")
	for round := range rounds {
		errs, tries := make([]error, writers), make([]db.OCIUpload, writers)
		together(t, env, writers, func(i int, d db.DB) {
			next := u
			text := fmt.Sprint("round ", round, " writer ", i/2) // some send the same bytes
			add(&next, text)
			tries[i] = next
			errs[i] = d.Extend(ctx, u.Lease, []pack.Digest{digestOf(text)}, ttl)
			if errs[i] == nil {
				errs[i] = d.PutOCIUpload(ctx, next, u.Offset)
			}
		})
		won := -1
		for i, err := range errs {
			if err == nil {
				if won >= 0 {
					t.Fatalf("writers %d and %d both appended at %d", won, i, u.Offset)
				}
				won = i
				continue
			}
			wantKind(t, err, pack.KindConflict, "offset_mismatch")
		}
		if won < 0 {
			t.Fatal("nobody appended")
		}
		u = tries[won]
		same(t, "session", &u, must(env.DB.OCIUpload(ctx, "u"))(t))
	}
	// Of those that make one session, one does.
	errs := make([]error, writers)
	together(t, env, writers, func(i int, d db.DB) {
		errs[i] = d.PutOCIUpload(ctx, db.OCIUpload{ID: "new", Repo: "r", User: "alice", Expires: time.Now().Add(ttl)}, -1)
	})
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else {
			wantKind(t, err, pack.KindConflict, "offset_mismatch")
		}
	}
	same(t, "made", 1, made)
}

// racePrune puts manifests while their blobs are deleted and pruned: a manifest that
// was put has all its blobs.
func racePrune(t *testing.T, env Env) {
	const writers, rounds = 6, 8
	ctx := t.Context()
	errs, refused := make([]error, writers), make([]int, writers)
	together(t, env, writers, func(i int, d db.DB) {
		for round := range rounds {
			if i < 2 {
				_, err := d.PruneOCIBlobs(ctx, time.Now().Add(time.Hour))
				errs[i] = errors.Join(errs[i], err)
				err = d.DeleteOCIBlob(ctx, "r", digestStr("shared layer"))
				if !pack.IsKind(err, pack.KindConflict) && !pack.IsKind(err, pack.KindNotFound) {
					errs[i] = errors.Join(errs[i], err)
				}
				continue
			}
			m := manifest(fmt.Sprint("m ", i, round), digestStr("shared layer"))
			if err := tryPutBlob(ctx, d, "r", "shared layer"); err != nil {
				errs[i] = errors.Join(errs[i], err)
				continue
			}
			err := tryPutManifest(ctx, d, "r", m, "t")
			var e *pack.Error
			if errors.As(err, &e) && e.Code == "manifest_blob_unknown" {
				refused[i]++
				continue
			}
			if err == nil {
				_, err = d.OCIBlob(ctx, "r", digestStr("shared layer"))
			}
			errs[i] = errors.Join(errs[i], err, d.DeleteOCIManifest(ctx, "r", m.Digest))
		}
	})
	ok(t, errors.Join(errs...))
	t.Log("refused because the blob had gone:", refused)
}

// raceSweep lets everything that keeps a blob come and go while sweeps run.
func raceSweep(t *testing.T, env Env) {
	const writers, rounds = 6, 12
	ctx := t.Context()
	store := &shelf{blobs: make(map[pack.Digest]bool)}
	sweeps := sweeping(t, env, store)
	packs := make([]*pack.Version, writers)
	for i := range packs {
		packs[i] = push(t, env.DB, "default", fmt.Sprint("p", i), "1.0.0")
	}
	errs := make([]error, writers)
	together(t, env, writers, func(i int, d db.DB) {
		for round := 0; sweeps.goOn(round, rounds); round++ {
			text := fmt.Sprint("shared ", (i+round)%3)
			var err error
			switch (i + round) % 4 {
			case 0:
				err = sweptBlob(ctx, d, store, fmt.Sprint("r", i), text)
			case 1:
				err = sweptManifest(ctx, d, store, fmt.Sprint("r", i), text)
			case 2:
				err = sweptUpload(ctx, d, store, fmt.Sprint("u", i, "-", round), text)
			case 3:
				err = sweptPack(ctx, d, store, packs[i], text)
			}
			if err != nil {
				errs[i] = errors.Join(errs[i], fmt.Errorf("writer %d, round %d: %w", i, round, err))
			}
		}
	})
	sweeps.stop()
	ok(t, errors.Join(errs...))
}

// sweeps are those of one race.
type sweeps struct {
	done atomic.Int64
	stop func() // ends them, and says what went wrong
}

// goOn reports whether a writer goes on: until its rounds are over, and a sweep has
// fallen between them. A race in which none ever does is one that proves nothing.
func (s *sweeps) goOn(round, rounds int) bool {
	return round < rounds || s.done.Load() == 0 && round < 200*rounds
}

// sweeping sweeps a shelf again and again until it is told to stop.
func sweeping(t *testing.T, env Env, store *shelf) *sweeps {
	sweeper := env.Reopen(t)
	ended, stopped := make(chan struct{}), make(chan error, 1)
	s := &sweeps{}
	go func() {
		var errs error
		for {
			for _, d := range store.all() {
				swept, err := sweeper.SweepBlob(t.Context(), d, func(context.Context) error { store.remove(d); return nil })
				errs = errors.Join(errs, err)
				if swept {
					s.done.Add(1)
				}
			}
			select {
			case <-ended:
				stopped <- errs
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	s.stop = func() {
		t.Helper()
		close(ended)
		ok(t, <-stopped)
		if s.done.Load() == 0 {
			t.Error("nothing was ever swept: the test did nothing")
		}
	}
	return s
}

// raceMount mounts, without a lease, a blob whose only right comes and goes.
func raceMount(t *testing.T, env Env) {
	const writers, rounds = 4, 40
	ctx := t.Context()
	store := &shelf{blobs: make(map[pack.Digest]bool)}
	sweeps := sweeping(t, env, store)
	l := link("mounted")
	errs, mounts := make([]error, writers), make([]int, writers)
	together(t, env, writers, func(i int, d db.DB) {
		repo := fmt.Sprint("r", i)
		for round := 0; sweeps.goOn(round, rounds); round++ {
			if i%2 == 0 {
				errs[i] = errors.Join(errs[i], leased(ctx, d, []pack.Digest{l.Blob}, func(id db.LeaseID) error {
					store.put(l.Blob)
					return d.PutOCIBlob(ctx, repo, l, id)
				}), d.DeleteOCIBlob(ctx, repo, l.Digest))
				continue
			}
			err := d.PutOCIBlob(ctx, repo, l, "")
			if code(err) == "lease_expired" {
				continue
			}
			mounts[i]++
			if err == nil {
				err = errors.Join(onShelf(store, "a mounted blob", l.Blob), d.DeleteOCIBlob(ctx, repo, l.Digest))
			}
			errs[i] = errors.Join(errs[i], err)
		}
	})
	sweeps.stop()
	ok(t, errors.Join(errs...))
	t.Log("mounts:", mounts)
}

// onShelf waits a moment, and says when a blob is gone.
func onShelf(store *shelf, what string, blobs ...pack.Digest) error {
	time.Sleep(3 * time.Millisecond)
	if i := slices.IndexFunc(blobs, func(d pack.Digest) bool { return !store.has(d) }); i >= 0 {
		return fmt.Errorf("%s is there and its blob %s is gone", what, blobs[i])
	}
	return nil
}

func sweptBlob(ctx context.Context, d db.DB, store *shelf, repo, text string) error {
	l := link(text)
	err := leased(ctx, d, []pack.Digest{l.Blob}, func(id db.LeaseID) error {
		store.put(l.Blob)
		return d.PutOCIBlob(ctx, repo, l, id)
	})
	if err != nil {
		return err
	}
	if err := onShelf(store, "a blob", l.Blob); err != nil {
		return err
	}
	// Mounted elsewhere without a lease, and then left there only.
	if err := d.PutOCIBlob(ctx, repo+"/mounted", l, ""); err != nil {
		return err
	}
	if err := d.DeleteOCIBlob(ctx, repo, l.Digest); err != nil {
		return err
	}
	return errors.Join(onShelf(store, "a mounted blob", l.Blob), d.DeleteOCIBlob(ctx, repo+"/mounted", l.Digest))
}

func sweptManifest(ctx context.Context, d db.DB, store *shelf, repo, text string) error {
	m := manifest(text)
	err := leased(ctx, d, []pack.Digest{m.Blob}, func(id db.LeaseID) error {
		store.put(m.Blob)
		return d.PutOCIManifest(ctx, repo, m, []string{"t"}, id)
	})
	if err != nil {
		return err
	}
	return errors.Join(onShelf(store, "a manifest", m.Blob), d.DeleteOCIManifest(ctx, repo, m.Digest))
}

func sweptUpload(ctx context.Context, d db.DB, store *shelf, id, text string) error {
	lease, err := d.Lease(ctx, nil, ttl)
	if err != nil {
		return err
	}
	u := db.OCIUpload{ID: id, Repo: "r", User: "alice", Lease: lease, Expires: time.Now().Add(ttl)}
	if err := d.PutOCIUpload(ctx, u, -1); err != nil {
		return err
	}
	for _, part := range []string{text, "of a session: " + text} {
		was, blob := u.Offset, digestOf(part)
		add(&u, part)
		if err := d.Extend(ctx, lease, []pack.Digest{blob}, ttl); err != nil {
			return err
		}
		store.put(blob)
		time.Sleep(time.Millisecond)
		if err := d.PutOCIUpload(ctx, u, was); err != nil {
			return err
		}
		if err := onShelf(store, "a session", digestOf(text), blob); err != nil {
			return err
		}
	}
	return d.DeleteOCIUpload(ctx, id)
}

func sweptPack(ctx context.Context, d db.DB, store *shelf, v *pack.Version, text string) error {
	older, m := packManifest("older "+v.Name), packManifest(text)
	for _, m := range []db.OCIManifest{m, older} {
		err := leased(ctx, d, keeps(m), func(id db.LeaseID) error {
			for _, blob := range keeps(m) {
				store.put(blob)
			}
			return d.SetPackManifest(ctx, v.RevisionID, m, id)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(onShelf(store, "a pack's manifest", append(keeps(older), keeps(m)...)...),
		d.DeletePackManifest(ctx, v.Namespace, v.Name, m.Digest))
}

// raceSetAndDelete sets manifests of a version that is published and deleted meanwhile.
func raceSetAndDelete(t *testing.T, env Env) {
	const writers, rounds = 6, 8
	ctx := t.Context()
	errs := make([]error, writers)
	together(t, env, writers, func(i int, d db.DB) {
		for round := range rounds {
			p := publication("default", "p", "1.0.0", fmt.Sprint("content ", round%2))
			p.Force = true
			v, _, err := publishWith(ctx, d, p, packManifest(fmt.Sprint("m", i)))
			if err != nil {
				errs[i] = errors.Join(errs[i], err)
				continue
			}
			for _, err := range []error{
				setPackManifest(ctx, d, v.RevisionID, packManifest(fmt.Sprint("n", i))),
				d.DeletePackManifest(ctx, "default", "p", packManifest(fmt.Sprint("m", i)).Digest),
				d.DeleteVersion(ctx, "default", "p", "1.0.0", "", "bob"),
			} {
				if err != nil && !pack.IsKind(err, pack.KindNotFound) && !pack.IsKind(err, pack.KindConflict) {
					errs[i] = errors.Join(errs[i], err)
				}
			}
			if round%3 == 0 {
				_, err = d.PruneRevisions(ctx, time.Now().Add(time.Hour))
				errs[i] = errors.Join(errs[i], err)
			}
		}
	})
	ok(t, errors.Join(errs...))
	if err := env.DB.DeletePack(ctx, "default", "p", "bob"); err != nil {
		wantKind(t, err, pack.KindNotFound, "")
	}
	for i := range writers {
		wantGone(t, env.DB, "p", packManifest(fmt.Sprint("m", i)))
		wantGone(t, env.DB, "p", packManifest(fmt.Sprint("n", i)))
	}
}
