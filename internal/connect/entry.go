package connect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/palette"
)

// Target is an entry that shall be in Palette.
type Target struct {
	Name      string
	Kind      palette.Kind
	Namespace string
	// Advertise is where Palette reaches this registry.
	Advertise string
}

// Action is what Ensure did.
type Action string

// The actions.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
)

// Ensured is what there is after Ensure.
type Ensured struct {
	Action     Action
	Connection db.Connection
}

// Ensure examines the advertised address, makes a reader account for Palette, has Palette try the address with it, and
// makes or changes the entry. Where all is so already it changes nothing; the password, which nobody but Palette has, is
// made anew only when it no longer works or the entry must change. What it has begun and cannot end it takes back.
// KindConflict when the name, there or here, is somebody else's.
func (s *Service) Ensure(ctx context.Context, t Target) (e *Ensured, err error) {
	err = s.underLock(ctx, "palette-entry:"+t.Name, func(ctx context.Context) error {
		e, err = s.ensure(ctx, t)
		return err
	})
	return e, err
}

// found is what there is before.
type found struct {
	conn    *db.Connection // nil: none
	account *db.Account    // nil: none
	entry   *palette.Entry // nil: none
}

func (s *Service) ensure(ctx context.Context, t Target) (*Ensured, error) {
	exam, err := s.examine(ctx, t, "", "")
	if err != nil {
		return nil, err
	}
	f, err := s.find(ctx, t, exam)
	if err != nil {
		return nil, err
	}
	want := wanted(t, exam)
	if f.entry != nil {
		want.UID, want.ContainsSpectroManifest = f.entry.UID, f.entry.ContainsSpectroManifest
		want.Annotations, want.Labels, want.Private = f.entry.Annotations, f.entry.Labels, f.entry.Private
		if f.works() && alike(f.entry, want) {
			c := row(s.cfg.Palette.URL(), t, want.UID, f.conn.Credential)
			if c.Endpoint != f.conn.Endpoint {
				if err := s.cfg.Store.PutConnection(ctx, c); err != nil {
					return nil, err
				}
			}
			c.CreatedAt, c.ChangedAt, c.Sync = f.conn.CreatedAt, f.conn.ChangedAt, f.conn.Sync
			return &Ensured{Unchanged, c}, nil
		}
	}
	return s.hand(ctx, t, f, want)
}

// examine wants nothing to have failed.
func (s *Service) examine(ctx context.Context, t Target, user, password string) (*Examination, error) {
	exam, err := s.cfg.Examine(ctx, t.Advertise, t.Kind, user, password)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, pack.Wrap(pack.KindInvalid, err, "the address %s cannot be examined: %v", t.Advertise, err)
	case len(exam.Failed) > 0:
		return nil, pack.Errorf(pack.KindUnavailable, "not_ready_for_palette", "Palette could not use %s: %s", t.Advertise, strings.Join(exam.Failed, "; "))
	case exam.Endpoint == "":
		return nil, pack.Errorf(pack.KindUnavailable, "not_ready_for_palette", "no registry of the kind %s answers at %s", t.Kind, t.Advertise)
	}
	return exam, nil
}

// accountName is whom Palette logs in as.
func accountName(entry string) string { return "palette-" + entry }

func (s *Service) find(ctx context.Context, t Target, exam *Examination) (f found, err error) {
	if f.conn, err = s.connection(ctx, t.Name); err != nil {
		return f, err
	}
	if f.conn != nil {
		if err := s.ours(f.conn); err != nil {
			return f, err
		}
		if f.conn.UID != "" && f.conn.Kind != string(t.Kind) {
			return f, pack.Errorf(pack.KindConflict, "connection_kind", "the connection %s is of the kind %s, which cannot be changed; disconnect it first", t.Name, f.conn.Kind)
		}
	}
	if f.account, err = s.account(ctx, accountName(t.Name)); err != nil {
		return f, err
	}
	if f.account != nil && f.conn == nil {
		return f, pack.Errorf(pack.KindConflict, "account_taken", "the account %s was made by somebody else; remove it, or choose another name for the entry", f.account.Name)
	}
	f.entry, err = s.cfg.Palette.Find(ctx, t.Kind, t.Name)
	switch {
	case pack.IsKind(err, pack.KindNotFound):
		f.entry = nil
	case err != nil:
		return f, err
	case (f.conn == nil || f.conn.UID != f.entry.UID) && !sameAddress(f.entry.Endpoint, exam.Endpoint):
		return f, pack.Errorf(pack.KindConflict, "entry_taken", "Palette has a registry %s already, at %s; choose another name, or remove it there", t.Name, f.entry.Endpoint)
	}
	return f, nil
}

func (s *Service) account(ctx context.Context, name string) (*db.Account, error) {
	list, err := s.cfg.Store.ListAccounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Name == name {
			return &a, nil
		}
	}
	return nil, nil //nolint:nilnil // none is a lawful answer
}

// reader is the role of Palette's account.
const reader = "reader"

// works reports whether the password that Palette has is, as far as can be known, the one that the account has.
func (f found) works() bool {
	return f.conn != nil && f.account != nil && f.conn.UID == f.entry.UID && f.account.Role == reader && f.entry.Auth.Username == f.account.Name &&
		credentialOf(f.account.Hash) == f.conn.Credential && !refused(f.entry.Sync)
}

// refused reports whether a sync failed because the registry did not let Palette in. What Palette says then is not
// known (contract 4.3), so the words that clients of registries use are looked for.
func refused(s palette.SyncStatus) bool {
	said := strings.ToLower(s.Message)
	return s.State == palette.StateFailed && (strings.Contains(said, "401") || strings.Contains(said, "unauthorized") || strings.Contains(said, "authentication"))
}

// wanted is the entry as it shall be, but for the password.
func wanted(t Target, exam *Examination) *palette.Entry {
	e := &palette.Entry{Kind: t.Kind, Name: t.Name, Endpoint: exam.Endpoint, Auth: palette.Auth{Username: accountName(t.Name), Certificate: exam.Certificate}}
	if t.Kind == palette.KindOCI {
		e.BaseContentPath, e.BasePath = t.Namespace, exam.BasePath
	}
	return e
}

// alike compares what Ensure decides; Palette shows everything of an entry but the password.
func alike(a, b *palette.Entry) bool {
	return sameAddress(a.Endpoint, b.Endpoint) && strings.Trim(a.BasePath, "/") == strings.Trim(b.BasePath, "/") &&
		strings.Trim(a.BaseContentPath, "/") == strings.Trim(b.BaseContentPath, "/") && a.Auth.Username == b.Auth.Username &&
		strings.TrimSpace(a.Auth.Certificate) == strings.TrimSpace(b.Auth.Certificate) && a.Auth.InsecureSkipVerify == b.Auth.InsecureSkipVerify
}

func sameAddress(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

func row(url string, t Target, uid, credential string) db.Connection {
	return db.Connection{
		Name: t.Name, Palette: url, UID: uid, Kind: string(t.Kind), Namespace: t.Namespace, Endpoint: t.Advertise,
		Account: accountName(t.Name), Credential: credential,
	}
}

// undoTime bounds taking back.
const undoTime = 15 * time.Second

// hand gives Palette a new password.
func (s *Service) hand(ctx context.Context, t Target, f found, want *palette.Entry) (e *Ensured, err error) {
	if f.conn == nil {
		// Before the account: so that it is known whose that is.
		if err := s.cfg.Store.PutConnection(ctx, row(s.cfg.Palette.URL(), t, "", "")); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.takeBack(ctx, t, f))
		}
	}()
	password := s.cfg.NewPassword()
	hash, err := s.cfg.HashPassword(password)
	if err != nil {
		return nil, pack.Wrap(pack.KindInternal, err, "a password cannot be made")
	}
	a := db.Account{Name: accountName(t.Name), Hash: hash, Role: reader, UpdatedAt: s.cfg.Now()}
	if err := s.cfg.Store.PutAccount(ctx, a); err != nil {
		return nil, err
	}
	exam, err := s.examine(ctx, t, a.Name, password)
	if err != nil {
		return nil, err
	}
	want.Auth.Password = palette.Secret(password)
	if err := s.cfg.Palette.Validate(ctx, want); err != nil {
		return nil, err
	}
	action := Updated
	if f.entry == nil {
		action = Created
		want.ContainsSpectroManifest = slices.Contains(exam.Manifests, t.Namespace)
		want.UID, err = s.cfg.Palette.Create(ctx, want, true)
	} else {
		err = s.cfg.Palette.Update(ctx, want)
	}
	if err != nil {
		return nil, err
	}
	c := row(s.cfg.Palette.URL(), t, want.UID, credentialOf(hash))
	if err := s.cfg.Store.PutConnection(context.WithoutCancel(ctx), c); err != nil {
		return nil, err
	}
	s.cfg.Log.InfoContext(ctx, "audit", "action", "palette.connect", "entry", t.Name, "palette", c.Palette, "outcome", string(action), "account", a.Name)
	now, err := s.Connection(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	return &Ensured{action, *now}, nil
}

// takeBack restores the account, so that a Palette that has its old password can go on with it.
func (s *Service) takeBack(ctx context.Context, t Target, f found) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if f.account != nil {
		return s.cfg.Store.PutAccount(ctx, *f.account)
	}
	err := s.cfg.Store.DeleteAccount(ctx, accountName(t.Name))
	if pack.IsKind(err, pack.KindNotFound) {
		err = nil
	}
	if f.conn == nil && err == nil {
		err = s.cfg.Store.DeleteConnection(ctx, t.Name)
	}
	return err
}

// Disconnect removes the entry in Palette, the account and the connection. With forget Palette is not asked: for one
// that is no more. KindNotFound, code connection_not_found.
func (s *Service) Disconnect(ctx context.Context, name string, forget bool) error {
	return s.underLock(ctx, "palette-entry:"+name, func(ctx context.Context) error {
		c, err := s.Connection(ctx, name)
		if err != nil {
			return err
		}
		if !forget && c.UID != "" {
			if err := s.ours(c); err != nil {
				return err
			}
			if err := s.cfg.Palette.Delete(ctx, palette.Kind(c.Kind), c.UID); err != nil && !pack.IsKind(err, pack.KindNotFound) {
				return err
			}
		}
		if err := s.cfg.Store.DeleteAccount(ctx, c.Account); err != nil && !pack.IsKind(err, pack.KindNotFound) {
			return err
		}
		if err := s.cfg.Store.DeleteConnection(ctx, name); err != nil {
			return err
		}
		s.cfg.Log.InfoContext(ctx, "audit", "action", "palette.disconnect", "entry", name, "palette", c.Palette, "outcome", fmt.Sprintf("forget=%t", forget), "account", c.Account)
		return nil
	})
}
