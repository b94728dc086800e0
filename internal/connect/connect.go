// Package connect makes a Palette show this registry's packs: it makes the entry there, asks for a sync when something was
// published, and knows of every version whether Palette shows it.
//
// It stands beside the core and not in it: the catalogue tells it what changed, Palette's client what is shown, and
// nothing is published or refused because of it. What Palette says is kept in the catalogue (db.Palette), so any replica
// can tell it; one of several replicas at a time does the work (db.Locks). An API key is kept nowhere. All methods may be
// called concurrently, also by several processes on one catalogue. Errors are *pack.Error.
package connect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/palette"
	"packregistry/internal/registry"
)

// Store is the part of the catalogue that is needed.
type Store interface {
	db.Palette
	db.Accounts
	db.Locks
	Head(ctx context.Context) (db.Mark, error)
	Changes(ctx context.Context, since db.Mark, namespace string, limit int) ([]pack.Change, db.Mark, error)
	Watch(ctx context.Context) <-chan struct{}
}

// Packs is the part of the core that is needed; *registry.Registry is one.
type Packs interface {
	Pack(ctx context.Context, namespace, name string) (*db.Pack, error)
	Resolve(ctx context.Context, namespace, name, ref string) (*pack.Version, error)
	File(ctx context.Context, v *pack.Version, name string) (*registry.Content, error)
}

// Examiner looks at the advertised address from outside, as Palette will; with user "" it ends at the login.
type Examiner func(ctx context.Context, address string, kind palette.Kind, user, password string) (*Examination, error)

// Examination is what an Examiner found.
type Examination struct {
	// Failed is what would keep Palette out, each with what mends it.
	Failed []string
	// Endpoint, BasePath and Certificate (PEM, "" none) are what Palette's entry must say.
	Endpoint, BasePath, Certificate string
	// Manifests are the namespaces that hold platform manifests; they show behind the login only.
	Manifests []string
}

// Config is what a Service needs.
type Config struct {
	Store Store
	Packs Packs
	// Palette is nil where none is configured: then only what is known can be told.
	Palette *palette.Client
	Examine Examiner // for Ensure
	// HashPassword makes the hash of an account's password, and NewPassword a password.
	HashPassword func(password string) (string, error)
	NewPassword  func() string
	// Every is the pause between two looks at a sync that runs; 0 is half a second.
	Every time.Duration
	// Retry is the pause after a sync that did not end well, doubled each time up to half a minute; 0 is two seconds.
	Retry time.Duration
	Log   *slog.Logger
	Now   func() time.Time
}

// Service is the work. It starts nothing by itself.
type Service struct {
	cfg Config
}

// New makes a Service.
func New(cfg Config) *Service {
	if cfg.Every == 0 {
		cfg.Every = 500 * time.Millisecond
	}
	if cfg.Retry == 0 {
		cfg.Retry = 2 * time.Second
	}
	return &Service{cfg: cfg}
}

// VisibleIn tells which connections show that very revision.
func (s *Service) VisibleIn(ctx context.Context, v *pack.Version) ([]pack.Visible, error) {
	return s.cfg.Store.ShownIn(ctx, v.Namespace, v.Name, v.Version, v.Revision)
}

// Leader is the replica that keeps the connections in sync; "" none does.
func (s *Service) Leader(ctx context.Context) (string, error) {
	return s.cfg.Store.LockHolder(ctx, leaderLock)
}

// connection finds one; nil when there is none.
func (s *Service) connection(ctx context.Context, name string) (*db.Connection, error) {
	list, err := s.cfg.Store.Connections(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		if c.Name == name {
			return &c, nil
		}
	}
	return nil, nil //nolint:nilnil // none is a lawful answer
}

// Connection finds one. KindNotFound, code connection_not_found.
func (s *Service) Connection(ctx context.Context, name string) (*db.Connection, error) {
	c, err := s.connection(ctx, name)
	if err == nil && c == nil {
		err = pack.Errorf(pack.KindNotFound, "connection_not_found", "there is no connection %q to a Palette", name)
	}
	return c, err
}

// ours refuses a connection to another Palette than the one that is spoken to.
func (s *Service) ours(c *db.Connection) error {
	if s.cfg.Palette == nil {
		return pack.Errorf(pack.KindInvalid, "palette_missing", "no Palette is configured")
	}
	if c.Palette != s.cfg.Palette.URL() {
		return pack.Errorf(pack.KindConflict, "connection_elsewhere", "the connection %s is to the Palette at %s and not to %s; name that one, or disconnect it first", c.Name, c.Palette, s.cfg.Palette.URL())
	}
	return nil
}

// credentialOf marks a password by the hash that an account has of it.
func credentialOf(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:16])
}

// message is the sentence of an error that is for people.
func message(err error) string {
	var known *pack.Error
	if errors.As(err, &known) && known.Message != "" {
		return known.Message
	}
	return err.Error()
}
