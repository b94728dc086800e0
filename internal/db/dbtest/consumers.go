package dbtest

import (
	"fmt"
	"testing"
	"time"

	"packregistry/internal/db"
)

func consumerTests() []test {
	return []test{
		{"written, listed, behind", consumerLife},
		{"bounded", consumerBounds},
		{"two replicas write", consumerRace},
	}
}

func consumerLife(t *testing.T, env Env) {
	ctx, d := t.Context(), env.DB
	at := time.Now().UTC().Truncate(time.Second)
	list := func(account string) []db.ConsumerStanding { t.Helper(); return must(d.Consumers(ctx, account))(t) }
	ok(t, d.PutConsumers(ctx, nil))
	same(t, "consumers", 0, len(list("")))
	p := publication("default", "x", "1.0.0", "one")
	p.Version.PushedAt = at.Add(-time.Hour)
	publish(t, d, p, db.Created)
	first := must(d.Head(ctx))(t)
	p = publication("default", "x", "2.0.0", "two")
	p.Version.PushedAt = at.Add(-time.Minute)
	publish(t, d, p, db.Created)
	push(t, d, "other", "y", "1.0.0")
	head := must(d.Head(ctx))(t)

	a := db.Consumer{Account: "ann", Namespace: "default", At: first, SeenAt: at}
	b := db.Consumer{Account: "ann", Name: "b", Namespace: "*", At: head, SeenAt: at}
	c := db.Consumer{Account: "bob", Namespace: "*", SeenAt: at}                                            // from the very beginning
	g := db.Consumer{Account: "bob", Name: "g", Namespace: "*", At: db.Mark{Seq: 2, Mark: "0"}, SeenAt: at} // of another feed
	ok(t, d.PutConsumers(ctx, []db.Consumer{g, c, b, a}))
	want := []db.ConsumerStanding{
		{Consumer: a, FirstAt: at, Lag: 1, Oldest: at.Add(-time.Minute)},
		{Consumer: b, FirstAt: at},
		{Consumer: c, FirstAt: at, Lag: 3, Oldest: at.Add(-time.Hour)},
		{Consumer: g, FirstAt: at, Gone: true},
	}
	if pushedAt.Before(want[2].Oldest) {
		want[2].Oldest = pushedAt // of other/y
	}
	same(t, "consumers", want, list(""))
	same(t, "of ann", want[:2], list("ann"))
	same(t, "of nobody", 0, len(list("nobody")))

	// It may also go back; what is older than what is known does not count.
	b.At, b.SeenAt = first, at.Add(time.Minute)
	ok(t, d.PutConsumers(ctx, []db.Consumer{b}))
	stale := b
	stale.At, stale.SeenAt = head, at.Add(time.Second)
	ok(t, env.Reopen(t).PutConsumers(ctx, []db.Consumer{stale}))
	got := list("ann")[1]
	same(t, "b", b, got.Consumer)
	same(t, "b's first", at, got.FirstAt)
	same(t, "b's lag", 2, got.Lag)
}

func consumerBounds(t *testing.T, env Env) {
	ctx, d := t.Context(), env.DB
	now := time.Now().UTC().Truncate(time.Second)
	var many []db.Consumer
	for i := range db.MaxConsumers + 20 {
		many = append(many, db.Consumer{Account: "ann", Name: fmt.Sprint("c", i), Namespace: "*", SeenAt: now.Add(time.Duration(i) * time.Second)})
	}
	old := db.Consumer{Account: "bob", Namespace: "*", SeenAt: now.Add(-db.ConsumerLife - time.Hour)}
	ok(t, d.PutConsumers(ctx, append(many, old)))
	kept := must(d.Consumers(ctx, ""))(t)
	same(t, "kept", db.MaxConsumers, len(kept))
	for _, x := range kept {
		if x.SeenAt.Before(now.Add(20 * time.Second)) {
			t.Errorf("%s was kept, seen at %s", x.Name, x.SeenAt)
		}
	}
}

func consumerRace(t *testing.T, env Env) {
	errs := make([]error, 8)
	at := time.Now().UTC().Truncate(time.Second)
	together(t, env, len(errs), func(i int, d db.DB) {
		var list []db.Consumer
		for n := range 20 {
			name := fmt.Sprint("c", (n*7+i)%20) // each in another order
			list = append(list, db.Consumer{Account: "ann", Name: name, Namespace: "*", At: db.Mark{Seq: 0, Mark: fmt.Sprint(i)}, SeenAt: at.Add(time.Duration(i) * time.Second)})
		}
		errs[i] = d.PutConsumers(t.Context(), list)
	})
	for _, err := range errs {
		ok(t, err)
	}
	for _, x := range must(env.DB.Consumers(t.Context(), ""))(t) {
		same(t, "the last word on "+x.Name, "7", x.At.Mark)
	}
}
