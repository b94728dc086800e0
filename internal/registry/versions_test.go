package registry_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
)

// What a replica remembers must never show: after every step, whoever made it, all
// replicas answer as the database does.
func TestResolveRemembersNothingOld(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		a := open(t)
		replicas := []*env{a, a.replica()}
		ctx := t.Context()
		random := rand.New(rand.NewPCG(7, 7))
		refs := []string{"1.0.0", "1.0.1", "1.x", "latest", "stable"}
		for step := range 60 {
			e := replicas[random.IntN(2)]
			name := fmt.Sprintf("p%d", random.IntN(3))
			version := refs[random.IntN(2)]
			var err error
			switch random.IntN(7) {
			default:
				u := upload(packtest.PackZip(name, version, packtest.File("f", fmt.Sprint(step))))
				u.Force, u.Message = true, "again"
				_, err = e.Publish(ctx, u)
			case 0:
				err = e.SetTag(ctx, ns, name, "stable", version, "t")
			case 1:
				err = e.DeleteTag(ctx, ns, name, "stable", "t")
			case 2:
				err = e.DeleteVersion(ctx, ns, name, version, "", "t")
			}
			if err != nil && !pack.IsKind(err, pack.KindNotFound) {
				t.Fatal(err)
			}
			for _, name := range []string{"p0", "p1", "p2"} {
				for _, ref := range refs {
					parsed, err := pack.ParseReference(ref)
					if err != nil {
						t.Fatal(err)
					}
					want, wantErr := a.db.Resolve(ctx, ns, name, parsed)
					if wantErr == nil && random.IntN(4) == 0 {
						// Digests too, which go on meaning something after they were replaced.
						refs = append(refs[:5], string(want.Digest))
					}
					for i, r := range replicas {
						got, err := r.Resolve(ctx, ns, name, ref)
						if pack.KindOf(err) != pack.KindOf(wantErr) {
							t.Fatalf("step %d, replica %d, %s:%s: %v, want %v", step, i, name, ref, err, wantErr)
						}
						if diff := cmp.Diff(want, got); err == nil && diff != "" {
							t.Fatalf("step %d, replica %d, %s:%s: (-want +got)\n%s", step, i, name, ref, diff)
						}
					}
				}
			}
		}
	})
}

// A reader on another replica that begins after a publish was acknowledged sees it,
// while many read at once and the feed moves all the time.
func TestResolveSeesWhatWasAcknowledged(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		a := open(t)
		b := a.replica()
		a.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
		var acknowledged atomic.Int64
		acknowledged.Store(1)
		done := make(chan struct{})
		var g errgroup.Group
		g.Go(func() error {
			defer close(done)
			for i := range 25 {
				u := upload(packtest.PackZip("web", "1.0.0", packtest.File("f", fmt.Sprint(i))))
				u.Force, u.Message = true, "again"
				p, err := a.Publish(t.Context(), u)
				if err != nil {
					return err
				}
				acknowledged.Store(int64(p.Version.Revision))
			}
			return nil
		})
		for _, e := range []*env{a, b, b, b} {
			g.Go(func() error {
				for {
					least := acknowledged.Load()
					v, err := e.Resolve(t.Context(), ns, "web", "latest")
					if err != nil {
						return err
					}
					if int64(v.Revision) < least {
						return fmt.Errorf("revision %d though %d was acknowledged", v.Revision, least)
					}
					select {
					case <-done:
						return nil
					default:
					}
				}
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

// A database that was put back to an earlier state has another feed: nothing of the later state may stay.
func TestResolveAfterARestore(t *testing.T) {
	e := embedded(t)
	e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	restored := &restorable{DB: e.cfg.DB}
	e.cfg.DB = restored
	r := registry.New(e.cfg)
	other := embedded(t)
	for range 2 {
		if _, err := r.Resolve(t.Context(), ns, "web", "1.0.0"); err != nil {
			t.Fatal(err)
		}
	}
	restored.DB = other.cfg.DB
	if _, err := r.Resolve(t.Context(), ns, "web", "1.0.0"); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("of another catalogue: %v", err)
	}
	other.publish(upload(packtest.PackZip("web", "2.0.0")), db.Created)
	if v, err := r.Resolve(t.Context(), ns, "web", "latest"); err != nil || v.Version != "2.0.0" {
		t.Errorf("of another catalogue: %v, %v", v, err)
	}
}

type restorable struct{ db.DB }
