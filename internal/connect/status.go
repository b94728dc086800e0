package connect

import (
	"context"
	"time"

	"packregistry/internal/db"
)

// Status is a connection with how its syncs stand and what it lacks, as all faces show it.
type Status struct {
	Name      string     `json:"name"`    // of the entry
	Palette   string     `json:"palette"` // URL
	UID       string     `json:"uid"`     // of the entry; "" until it is made
	Kind      string     `json:"kind"`
	Namespace string     `json:"namespace"`
	Endpoint  string     `json:"endpoint"` // where Palette reaches this registry
	Account   string     `json:"account"`  // as whom
	CreatedAt time.Time  `json:"createdAt"`
	Sync      SyncStatus `json:"sync"`
	// LagChanges counts the changes that the last good sync did not see, and LagSeconds is the age of the oldest of them.
	LagChanges int64   `json:"lagChanges"`
	LagSeconds float64 `json:"lagSeconds"`
	// Shown and Unshown count the versions of the namespace.
	Shown   int `json:"shown"`
	Unshown int `json:"unshown"`
	// Lacks are some of the versions that are not shown, the newest push first.
	Lacks []Lack `json:"lacks"`
}

// SyncStatus is how the syncs of a connection stand.
type SyncStatus struct {
	State   string    `json:"state"`   // of the last one: done, failed, running or waiting; "" none yet
	Problem string    `json:"problem"` // why it did not end well, or what Palette said though it did
	AskedAt time.Time `json:"askedAt,omitzero"`
	EndedAt time.Time `json:"endedAt,omitzero"`
	GoodAt  time.Time `json:"goodAt,omitzero"` // when one last ended well
}

// Lack is a version that a connection does not show.
type Lack struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Revision int       `json:"revision"`
	PushedAt time.Time `json:"pushedAt"`
}

// maxLacks bounds Status.Lacks.
const maxLacks = 20

// Statuses tells how all connections stand, by name.
func (s *Service) Statuses(ctx context.Context) ([]Status, error) {
	list, err := s.cfg.Store.Connections(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Status, 0, len(list))
	for _, c := range list {
		st, err := s.status(ctx, c)
		if err != nil {
			return nil, err
		}
		out = append(out, *st)
	}
	return out, nil
}

func (s *Service) status(ctx context.Context, c db.Connection) (*Status, error) {
	standing, err := s.cfg.Store.Standing(ctx, c.Name)
	if err != nil {
		return nil, err
	}
	lacks, err := s.cfg.Store.Unshown(ctx, c.Name, maxLacks)
	if err != nil {
		return nil, err
	}
	st := &Status{
		Name: c.Name, Palette: c.Palette, UID: c.UID, Kind: c.Kind, Namespace: c.Namespace, Endpoint: c.Endpoint, Account: c.Account, CreatedAt: c.CreatedAt,
		Sync:       SyncStatus{State: c.Sync.State, Problem: c.Sync.Problem, AskedAt: c.Sync.Asked, EndedAt: c.Sync.Ended, GoodAt: c.Sync.Good},
		LagChanges: standing.Changes, Shown: standing.Shown, Unshown: standing.Unshown, Lacks: []Lack{},
	}
	if !standing.Oldest.IsZero() {
		st.LagSeconds = max(s.cfg.Now().Sub(standing.Oldest).Seconds(), 0)
	}
	for _, u := range lacks {
		st.Lacks = append(st.Lacks, Lack{Name: u.Pack, Version: u.Version, Revision: u.Revision, PushedAt: u.PushedAt})
	}
	return st, nil
}
