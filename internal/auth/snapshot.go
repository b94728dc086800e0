package auth

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"packregistry/internal/pack"
)

const (
	// keepSnapshot is how long accounts are believed while the store is down: long
	// enough for a database restart, short enough that a removed account does not
	// stay in for an afternoon.
	keepSnapshot = 2 * time.Minute
	// storeTimeout bounds one look at the store.
	storeTimeout = 3 * time.Second
	// retryStore is the pause after a failed look.
	retryStore = time.Second
)

// snapshot keeps a copy of the store's accounts.
type snapshot struct {
	store AccountStore
	log   *slog.Logger
	now   func() time.Time
	group singleflight.Group

	mu       sync.Mutex
	accounts map[string]Account
	taken    time.Time // when the accounts were asked for; zero: never
	failed   time.Time // when the store last did not answer; zero after a success
}

// get returns the accounts as of at most maxAge ago, asking the store when the
// copy is older, at most once at a time. While the store is down the copy serves
// for keepSnapshot, then the answer is KindUnavailable.
func (s *snapshot) get(ctx context.Context, maxAge time.Duration) (map[string]Account, error) {
	if m, ok := s.fresh(maxAge); ok {
		return m, nil
	}
	// The look belongs to all who wait for it, so none of them may cancel it.
	ch := s.group.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		return nil, s.refresh(ctx)
	})
	var err error
	select {
	case r := <-ch:
		err = r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts != nil && (err == nil || s.now().Sub(s.taken) < keepSnapshot) {
		return s.accounts, nil
	}
	return nil, s.unavailable(err)
}

// fresh returns the copy when it is young enough, or when the store failed a
// moment ago and the copy may still serve.
func (s *snapshot) fresh(maxAge time.Duration) (map[string]Account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts == nil {
		return nil, false
	}
	now := s.now()
	age := now.Sub(s.taken)
	if age >= 0 && age < maxAge {
		return s.accounts, true
	}
	pausing := !s.failed.IsZero() && now.Sub(s.failed) < retryStore
	return s.accounts, pausing && age < keepSnapshot
}

func (s *snapshot) refresh(ctx context.Context) error {
	asked := s.now()
	list, err := s.store.Accounts(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if s.failed.IsZero() {
			s.log.Error("the accounts cannot be read; the last known ones serve for a while", "error", err)
		}
		s.failed = s.now()
		return err
	}
	if !s.failed.IsZero() {
		s.failed = time.Time{}
		s.log.Info("the accounts can be read again")
	}
	m := make(map[string]Account, len(list))
	for _, a := range list {
		m[a.Name] = a
	}
	s.accounts, s.taken = m, asked
	return nil
}

func (s *snapshot) unavailable(err error) error {
	return &pack.Error{
		Kind: pack.KindUnavailable, Code: "accounts_unavailable", RetryAfter: 2 * time.Second,
		Message: "the server cannot read its accounts at the moment; try again", Err: err,
	}
}
