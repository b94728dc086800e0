package auth

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"packregistry/internal/pack"
)

const (
	// maxAge is how old the knowledge of accounts may be for credentials that were
	// verified before: so long does a removed account stay in.
	maxAge = time.Second
	// maxAgeNew is the same where a password must be hashed anyway: the sources are
	// asked anew, so that a new account or password works at once.
	maxAgeNew = 0
)

// Authenticator checks credentials. It is safe for concurrent use.
type Authenticator struct {
	store    *snapshot     // nil: none
	file     *htpasswdFile // nil: none
	cache    *credentialCache
	failures *failures
	gate     *gate
	checking singleflight.Group
	// work counts hashing in units of 2^cost; equal work is judged by it, not by time.
	work atomic.Int64
	now  func() time.Time
}

// New makes an Authenticator. An htpasswd file that is named must be readable
// now; later a broken or missing one leaves the last good state in force.
func New(cfg Config) (*Authenticator, error) {
	a := &Authenticator{cache: newCredentialCache(cacheSize), failures: newFailures(failureTable), now: cfg.Now}
	if a.now == nil {
		a.now = time.Now
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	n := cfg.MaxHashing
	if n <= 0 {
		n = max(1, runtime.GOMAXPROCS(0)/2)
	}
	a.gate = newGate(n)
	if cfg.Store != nil {
		a.store = &snapshot{store: cfg.Store, log: log, now: a.now}
	}
	if cfg.Htpasswd != "" {
		admins := cfg.Admins
		if admins == nil {
			admins = []string{"admin"}
		}
		role := func(name string) Role {
			switch {
			case slices.Contains(admins, name):
				return Admin
			case slices.Contains(cfg.Publishers, name):
				return Publisher
			}
			return Reader
		}
		f, err := openHtpasswd(cfg.Htpasswd, role, log, a.now())
		if err != nil {
			return nil, fmt.Errorf("htpasswd file %s: %w", cfg.Htpasswd, err)
		}
		a.file = f
	}
	return a, nil
}

// FileAccounts returns the highest role of an account in the htpasswd file: None
// when there is no file or nobody in it.
func (a *Authenticator) FileAccounts() Role {
	highest := None
	if a.file != nil {
		for _, acc := range a.file.get(a.now(), maxAge) {
			highest = max(highest, acc.Role)
		}
	}
	return highest
}

// Authenticate checks a user and password offered from a client address (its IP
// as the configured proxies tell it).
//
// Errors: KindUnauthorized for credentials that do not hold (the same, after the
// same work, for an unknown user); KindBusy with RetryAfter after repeated
// failures of this user from this address, or when too many logins wait to be
// checked; KindUnavailable when accounts cannot be read; ctx.Err() wrapped.
// Credentials that were verified before and whose account is unchanged pass
// without hashing, whatever failed meanwhile.
func (a *Authenticator) Authenticate(ctx context.Context, user, password, address string) (Identity, error) {
	if len(password) > maxOffered || len(user) > maxOffered {
		return Identity{}, wrongCredentials()
	}
	key := a.cache.key(user, password)
	all, err := a.accounts(ctx, maxAge)
	if err != nil {
		return Identity{}, err
	}
	if acc, source := all.find(user); source != "" && a.cache.holds(key, verified{acc.Hash, acc.Role, source}) {
		return Identity{Name: acc.Name, Role: acc.Role, Source: source}, nil
	}

	who := pair(user, address)
	if d := a.failures.wait(who, a.now()); d > 0 {
		return Identity{}, &pack.Error{
			Kind: pack.KindBusy, Code: "too_many_failures", RetryAfter: d,
			Message: fmt.Sprintf("too many wrong passwords for this account from this address; wait %d seconds", int(d.Seconds())+1),
		}
	}
	// Many requests of one client that start together hash once.
	ch := a.checking.DoChan(string(key[:]), func() (any, error) {
		return a.check(context.WithoutCancel(ctx), key, user, password, address)
	})
	select {
	case r := <-ch:
		if r.Err == nil {
			a.failures.succeeded(who)
			return r.Val.(Identity), nil
		}
		if pack.IsKind(r.Err, pack.KindUnauthorized) {
			a.failures.failed(who, a.now())
		}
		return Identity{}, r.Err
	case <-ctx.Done():
		return Identity{}, fmt.Errorf("checking a login: %w", ctx.Err())
	}
}

// known is all accounts as of one moment.
type known struct{ store, file map[string]Account }

// accounts reads both sources, each at most age old.
func (a *Authenticator) accounts(ctx context.Context, age time.Duration) (k known, err error) {
	if a.store != nil {
		if k.store, err = a.store.get(ctx, age); err != nil {
			return known{}, err
		}
	}
	if a.file != nil {
		k.file = a.file.get(a.now(), age)
	}
	return k, nil
}

// find looks an account up: the store first, then the file. The source is "" for
// an unknown user.
func (k known) find(user string) (Account, string) {
	if acc, ok := k.store[user]; ok {
		return acc, SourceDatabase
	}
	if acc, ok := k.file[user]; ok {
		return acc, SourceHtpasswd
	}
	return Account{}, ""
}

// highestCost is the highest bcrypt cost in use.
func (k known) highestCost() int {
	highest := 0
	for _, m := range []map[string]Account{k.store, k.file} {
		for _, acc := range m {
			if c, err := hashCost(acc.Hash); err == nil {
				highest = max(highest, c)
			}
		}
	}
	if highest == 0 {
		return DefaultCost
	}
	return highest
}

// check does the hashing, in the same amount for every wrong answer.
func (a *Authenticator) check(ctx context.Context, key credentialKey, user, password, address string) (Identity, error) {
	if err := a.gate.enter(ctx, address); err != nil {
		return Identity{}, err
	}
	defer a.gate.leave(address)
	all, err := a.accounts(ctx, maxAgeNew)
	if err != nil {
		return Identity{}, err
	}
	acc, source := all.find(user)
	highest := all.highestCost()
	cost, err := hashCost(acc.Hash)
	if source == "" || err != nil {
		a.burn(highest, password)
		return Identity{}, wrongCredentials()
	}
	a.work.Add(1 << cost)
	if compare(acc.Hash, password) {
		a.cache.remember(key, verified{acc.Hash, acc.Role, source})
		return Identity{Name: acc.Name, Role: acc.Role, Source: source}, nil
	}
	a.cache.forget(key)
	// A line cheaper than the dearest would be told from an unknown user by the
	// time. Each step of cost doubles the work: c + c + (c+1) + ... + (h-1) is h.
	for c := cost; c < highest; c++ {
		a.burn(c, password)
	}
	return Identity{}, wrongCredentials()
}

// burn does the work of one comparison at the cost for nothing.
func (a *Authenticator) burn(cost int, password string) {
	a.work.Add(1 << cost)
	burn(cost, password)
}

func wrongCredentials() error {
	return pack.Errorf(pack.KindUnauthorized, "unauthorized", "the user name or the password is wrong")
}
