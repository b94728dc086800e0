package dbtest

import (
	"fmt"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func lockTests() []test {
	return []test{
		{"held, renewed, given back", lockLife},
		{"one of eight", lockRace},
		{"taken over when it has expired", lockExpires},
	}
}

func lockLife(t *testing.T, env Env) {
	ctx, a, b := t.Context(), env.DB, env.Reopen(t)
	holder := func(want string) { t.Helper(); same(t, "holder", want, must(b.LockHolder(ctx, "l"))(t)) }
	try := func(d db.DB, name, who string, want bool) {
		t.Helper()
		same(t, who+" got "+name, want, must(d.TryLock(ctx, name, who, ttl))(t))
	}
	holder("")
	try(a, "l", "a", true)
	holder("a")
	try(b, "l", "b", false)
	try(b, "other", "b", true) // locks have nothing to do with each other
	try(a, "l", "a", true)
	ok(t, b.Unlock(ctx, "l", "b")) // is not the holder: nothing happens
	holder("a")
	ok(t, a.Unlock(ctx, "l", "a"))
	holder("")
	try(b, "l", "b", true)
	holder("b")
	ok(t, b.Unlock(ctx, "unknown", "b"))
	for _, bad := range []struct {
		who string
		ttl time.Duration
	}{{"", ttl}, {"a", 0}, {"a\x00", ttl}} {
		_, err := a.TryLock(ctx, "l", bad.who, bad.ttl)
		wantKind(t, err, pack.KindInvalid, "")
	}
}

func lockRace(t *testing.T, env Env) {
	const replicas = 8
	for round := range 4 {
		name := fmt.Sprint("race", round)
		got, errs := make([]bool, replicas), make([]error, replicas)
		together(t, env, replicas, func(i int, d db.DB) {
			got[i], errs[i] = d.TryLock(t.Context(), name, fmt.Sprint("r", i), ttl)
		})
		winner := ""
		for i := range replicas {
			ok(t, errs[i])
			if got[i] {
				if winner != "" {
					t.Errorf("both %s and r%d hold it", winner, i)
				}
				winner = fmt.Sprint("r", i)
			}
		}
		same(t, "holder", winner, must(env.DB.LockHolder(t.Context(), name))(t))
	}
}

// lockExpires has the second replica take over what the first no longer renews.
func lockExpires(t *testing.T, env Env) {
	ctx, a, b := t.Context(), env.DB, env.Reopen(t)
	const short = 300 * time.Millisecond
	same(t, "a got it", true, must(a.TryLock(ctx, "l", "a", short))(t))
	eventually(t, "b has taken over", func() bool { return must(b.TryLock(ctx, "l", "b", ttl))(t) })
	same(t, "a got it again", false, must(a.TryLock(ctx, "l", "a", ttl))(t))
	same(t, "holder", "b", must(a.LockHolder(ctx, "l"))(t))
	// An expired one is nobody's.
	same(t, "a got another", true, must(a.TryLock(ctx, "m", "a", time.Microsecond))(t))
	eventually(t, "it is nobody's", func() bool { return must(b.LockHolder(ctx, "m"))(t) == "" })
}
