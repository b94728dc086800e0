package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"packregistry/internal/db/sqlcat"
)

// togetherTest has a table that writes go to, and no upkeep in between.
type togetherTest struct {
	d       *DB
	answers sync.WaitGroup
}

func newTogether(t *testing.T) *togetherTest {
	t.Helper()
	d := open(t, filepath.Join(t.TempDir(), "registry.db"))
	d.upkeep.end()
	d.stop() // its poll raises the epoch too
	<-d.done
	if err := d.b.withWriter(t.Context(), func(c *conn) error { return c.exec(t.Context(), "CREATE TABLE written (name text)") }); err != nil {
		t.Fatal(err)
	}
	return &togetherTest{d: d}
}

// write makes one that writes a name.
func write(ctx context.Context, name string) func(sqlcat.Tx) error {
	return func(tx sqlcat.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO written (name) VALUES ($1)", name)
		return err
	}
}

// whileHeld calls f while nobody gets the connection, and waits until so many wait for it. It gives the number of transactions
// that there were then.
func (g *togetherTest) whileHeld(t *testing.T, waiting int, f func()) uint64 {
	t.Helper()
	held, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- g.d.b.withWriter(context.Background(), func(*conn) error { close(held); <-release; return nil })
	}()
	<-held
	f()
	g.wait(t, waiting)
	before := g.d.b.epoch.now()
	close(release)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	g.answers.Wait()
	return g.d.b.epoch.now() - before
}

// wait waits until so many wait.
func (g *togetherTest) wait(t *testing.T, waiting int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d wait", waiting), func() bool { n, _ := g.d.b.group.look(); return n == waiting })
}

// begin has fn written, and answer called with what came of it.
func (g *togetherTest) begin(ctx context.Context, fn func(sqlcat.Tx) error, answer func(error)) {
	g.answers.Go(func() { answer(g.d.b.WriteShort(ctx, fn)) })
}

// written counts the rows of a name.
func (g *togetherTest) written(t *testing.T, name string) (n int) {
	t.Helper()
	err := g.d.b.withReader(t.Context(), func(c *conn) error {
		return c.queryRow(t.Context(), "SELECT count(*) FROM written WHERE name = $1", name).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wanted(t *testing.T, want error) func(error) {
	return func(err error) {
		if !errors.Is(err, want) {
			t.Errorf("the answer is %v and not %v", err, want)
		}
	}
}

func TestWhoWaitsIsCommittedTogether(t *testing.T) {
	g := newTogether(t)
	const writes = mostTogether + 3
	commits := g.d.b.commits.Load()
	transactions := g.whileHeld(t, writes, func() {
		for range writes {
			g.begin(t.Context(), write(t.Context(), "a"), wanted(t, nil))
		}
	})
	if n := g.written(t, "a"); n != writes || transactions != 2 {
		t.Errorf("%d of %d were written, in %d transactions", n, writes, transactions)
	}
	if n := g.d.b.commits.Load() - commits; n != writes {
		t.Errorf("the upkeep was told of %d", n)
	}
}

// Who fails before it writes, as most conflicts do, leaves the others as they are.
func TestOneIsRefused(t *testing.T) {
	g := newTogether(t)
	refused := errors.New("refused")
	transactions := g.whileHeld(t, 3, func() {
		g.begin(t.Context(), write(t.Context(), "a"), wanted(t, nil))
		g.begin(t.Context(), func(tx sqlcat.Tx) error {
			var n int64
			if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM written").Scan(&n); err != nil {
				return err
			}
			return refused
		}, wanted(t, refused))
		g.begin(t.Context(), write(t.Context(), "a"), wanted(t, nil))
	})
	if n := g.written(t, "a"); n != 2 || transactions != 1 {
		t.Errorf("%d of 2 were written, in %d transactions", n, transactions)
	}
}

// Who fails later, however it does, is undone, and all others are written all the same, once.
func TestOneFails(t *testing.T) {
	failed := errors.New("failed")
	cases := map[string]func(sqlcat.Tx) error{
		"an error": func(sqlcat.Tx) error { return failed },
		"a refused statement": func(tx sqlcat.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO nowhere VALUES (1)")
			return errors.Join(failed, err)
		},
		"a rolled back transaction": func(tx sqlcat.Tx) error {
			_, err := tx.Exec(t.Context(), "ROLLBACK") // as a full disk does
			return errors.Join(failed, err)
		},
		"a panic": func(sqlcat.Tx) error { panic(failed) },
	}
	for name, fail := range cases {
		t.Run(name, func(t *testing.T) {
			g := newTogether(t)
			g.whileHeld(t, 5, func() {
				for i := range 5 {
					if i != 2 {
						g.begin(t.Context(), write(t.Context(), "a"), wanted(t, nil))
						continue
					}
					g.answers.Go(func() {
						defer func() {
							if p := recover(); p != nil {
								wanted(t, failed)(p.(error))
							}
						}()
						wanted(t, failed)(g.d.b.WriteShort(t.Context(), func(tx sqlcat.Tx) error {
							return errors.Join(write(t.Context(), "b")(tx), fail(tx))
						}))
					})
				}
			})
			if a, b := g.written(t, "a"), g.written(t, "b"); a != 4 || b != 0 {
				t.Errorf("%d of 4 were written, and %d of who failed", a, b)
			}
			if err := g.d.b.WriteShort(t.Context(), write(t.Context(), "c")); err != nil || g.written(t, "c") != 1 {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// Who was refused because of what another one had written, which was then undone, is asked again.
func TestNobodyIsRefusedForWhatNeverWas(t *testing.T) {
	g := newTogether(t)
	ctx, cancel := context.WithCancel(t.Context())
	refused, failed := errors.New("refused"), errors.New("failed")
	g.whileHeld(t, 3, func() {
		g.begin(ctx, write(ctx, "a"), wanted(t, context.Canceled))
		g.wait(t, 1)
		g.begin(t.Context(), func(tx sqlcat.Tx) error {
			var n int64
			if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM written WHERE name = 'a'").Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return refused
			}
			return write(t.Context(), "b")(tx)
		}, wanted(t, nil))
		g.wait(t, 2)
		g.begin(t.Context(), func(tx sqlcat.Tx) error {
			err := write(t.Context(), "c")(tx)
			cancel() // so that the first is not written by itself either
			return errors.Join(err, failed)
		}, wanted(t, failed))
	})
	if a, b := g.written(t, "a"), g.written(t, "b"); a != 0 || b != 1 {
		t.Errorf("of the first %d were written, and of the second %d", a, b)
	}
}

// A transaction waits for the disk when one of it has to.
func TestOnlyAllSoftAreSoft(t *testing.T) {
	g := newTogether(t)
	for _, soft := range [][]bool{{true, true}, {true, false}, {false, true}, {true, true}, {false, false}} {
		g.whileHeld(t, len(soft), func() {
			for _, s := range soft {
				do := g.d.b.WriteShort
				if s {
					do = g.d.b.WriteSoft
				}
				g.answers.Go(func() { wanted(t, nil)(do(t.Context(), write(t.Context(), "a"))) })
			}
		})
		var is bool
		_ = g.d.b.withWriter(t.Context(), func(c *conn) error { is = c.soft; return nil })
		if is != (soft[0] && soft[1]) {
			t.Errorf("of %v the transaction was soft: %v", soft, is)
		}
	}
}

// Whatever fails, ends and panics: what was acknowledged is there once, and what was not is not.
func TestTogetherUnderLoad(t *testing.T) {
	g := newTogether(t)
	var mu sync.Mutex
	want := map[string]int{}
	for worker := range 16 {
		g.answers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for i := range 60 {
				name := fmt.Sprintf("%d-%d", worker, i)
				ctx, cancel := context.WithCancel(t.Context())
				fate := random.IntN(10)
				if fate == 0 {
					time.AfterFunc(time.Duration(random.IntN(3000))*time.Microsecond, cancel)
				}
				err := g.d.b.WriteShort(ctx, func(tx sqlcat.Tx) error {
					if fate == 1 {
						return errors.New("refused")
					}
					err := write(ctx, name)(tx)
					if fate == 2 {
						return errors.New("failed")
					}
					return err
				})
				cancel()
				mu.Lock()
				switch {
				case err == nil:
					want[name] = 1
				case fate > 2:
					t.Errorf("%s: %v", name, err)
				case fate > 0:
					want[name] = 0
				} // who has ended may or may not be written
				mu.Unlock()
			}
		})
	}
	g.answers.Wait()
	for name, n := range want {
		if got := g.written(t, name); got != n {
			t.Errorf("%s was written %d times and not %d", name, got, n)
		}
	}
}
