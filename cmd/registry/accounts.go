package main

import (
	"context"

	"packregistry/internal/auth"
	"packregistry/internal/db"
)

// accountLister is the part of the catalogue that auth needs.
type accountLister interface {
	ListAccounts(ctx context.Context) ([]db.Account, error)
}

// accountStore hands the catalogue's accounts to auth.
type accountStore struct{ accounts accountLister }

// Accounts implements auth.AccountStore. An account whose role this server does
// not know (written by a newer one) may not log in.
func (s accountStore) Accounts(ctx context.Context) ([]auth.Account, error) {
	list, err := s.accounts.ListAccounts(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]auth.Account, 0, len(list))
	for _, a := range list {
		role, err := auth.ParseRole(a.Role)
		if err != nil {
			continue
		}
		out = append(out, auth.Account{Name: a.Name, Hash: a.Hash, Role: role})
	}
	return out, nil
}
