package dbtest

import (
	"fmt"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func accountTests() []test {
	return []test{
		{"made, changed, listed, removed", accountLife},
		{"the first of eight", accountFirst},
	}
}

func accountLife(t *testing.T, env Env) {
	ctx := t.Context()
	same(t, "accounts", []db.Account{}, must(env.DB.ListAccounts(ctx))(t))
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	accounts := []db.Account{
		{Name: "Bob", Hash: "$2a$10$x", Role: "reader", UpdatedAt: at},
		{Name: "bob", Hash: "$2a$10$y", Role: "admin", UpdatedAt: at},
		{Name: "élan", Hash: "$2a$10$z", Role: "publisher", UpdatedAt: at},
	}
	for i := range accounts {
		ok(t, env.DB.PutAccount(ctx, accounts[len(accounts)-1-i]))
	}
	same(t, "accounts", accounts, must(env.DB.ListAccounts(ctx))(t))
	accounts[1].Role, accounts[1].UpdatedAt = "reader", at.Add(time.Hour)
	ok(t, env.DB.PutAccount(ctx, accounts[1]))
	same(t, "accounts", accounts, must(env.Reopen(t).ListAccounts(ctx))(t))
	ok(t, env.DB.DeleteAccount(ctx, "Bob"))
	wantKind(t, env.DB.DeleteAccount(ctx, "Bob"), pack.KindNotFound, "")
	same(t, "accounts", accounts[1:], must(env.DB.ListAccounts(ctx))(t))
	made := must(env.DB.CreateFirstAccount(ctx, accounts[0]))(t)
	same(t, "made another first account", false, made)
}

func accountFirst(t *testing.T, env Env) {
	const replicas = 8
	made, errs := make([]bool, replicas), make([]error, replicas)
	together(t, env, replicas, func(i int, d db.DB) {
		made[i], errs[i] = d.CreateFirstAccount(t.Context(), db.Account{Name: fmt.Sprint("admin", i), Hash: "h", Role: "admin", UpdatedAt: pushedAt})
	})
	first := ""
	for i := range replicas {
		ok(t, errs[i])
		if made[i] {
			if first != "" {
				t.Errorf("both %s and admin%d are the first", first, i)
			}
			first = fmt.Sprint("admin", i)
		}
	}
	same(t, "accounts", []db.Account{{Name: first, Hash: "h", Role: "admin", UpdatedAt: pushedAt}}, must(env.DB.ListAccounts(t.Context()))(t))
}
