// Package schema brings a database to the newest migration. It is golang-migrate
// with a driver of our own that does all steps of a start in one transaction,
// their numbers included: of several processes that start together one migrates
// and the others find it done, and a process killed in between leaves nothing
// behind. So there is no dirty mark that somebody would have to clear.
package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/golang-migrate/migrate/v4/source/iofs"

	"packregistry/internal/pack"
)

// Session is a connection to the database that is to be migrated.
type Session interface {
	// Begin starts a transaction in which no other process that migrates is.
	Begin() error
	// Exec runs one or more statements, in the transaction when one was begun.
	Exec(sql string) error
	// Int runs a query that gives one integer.
	Int(sql string) (int, error)
	Commit() error
	Rollback() error
	// HasTable reports whether a table is there.
	HasTable(name string) (bool, error)
}

// historyTable has a row for every step applied.
const historyTable = "schema_history"

// Known is the number of the newest step in the folder.
func Known(fsys fs.FS, dir string) (int, error) {
	src, err := iofs.New(fsys, dir)
	if err != nil {
		return 0, fmt.Errorf("migrations: %w", err)
	}
	defer src.Close()
	n, err := src.First()
	for err == nil {
		var next uint
		if next, err = src.Next(n); err == nil {
			n = next
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("migrations: %w", err)
	}
	return int(n), nil
}

// Applied is the number of the newest step applied, 0 on an empty database.
func Applied(s Session) (int, error) {
	there, err := s.HasTable(historyTable)
	if err != nil || !there {
		return 0, err
	}
	return s.Int("SELECT coalesce(max(version), 0) FROM " + historyTable)
}

// Up applies all steps not yet applied. A database that a newer release has
// migrated is refused.
func Up(s Session, fsys fs.FS, dir string) error {
	known, err := Known(fsys, dir)
	if err != nil {
		return err
	}
	applied, err := Applied(s)
	switch {
	case err != nil:
		return err
	case applied == known:
		return nil
	case applied > known:
		return tooNew(applied, known)
	}
	err = run(s, fsys, dir, (*migrate.Migrate).Up)
	if errors.Is(err, fs.ErrNotExist) { // a newer release was faster just now
		if applied, _ := Applied(s); applied > known {
			return tooNew(applied, known)
		}
	}
	return err
}

// To goes up or down to the given step; 0 takes all steps back.
func To(s Session, fsys fs.FS, dir string, version int) error {
	return run(s, fsys, dir, func(m *migrate.Migrate) error {
		if version == 0 {
			return m.Down()
		}
		return m.Migrate(uint(version))
	})
}

func run(s Session, fsys fs.FS, dir string, do func(*migrate.Migrate) error) error {
	src, err := iofs.New(fsys, dir)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	d := &driver{s: s}
	m, err := migrate.NewWithInstance("iofs", src, dir, d)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	m.LockTimeout = 24 * time.Hour // another replica may be at it; the session has the deadline
	err = do(m)
	if srcErr, _ := m.Close(); err == nil {
		err = srcErr
	}
	if errors.Is(err, migrate.ErrNoChange) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("migrating the %s database failed, nothing of it was kept: %w", dir, err)
	}
	return nil
}

func tooNew(applied, known int) error {
	return pack.Errorf(pack.KindUnavailable, "schema_too_new",
		"the database has schema %d and this release knows only up to %d: start the newer release, or restore a backup from before the upgrade",
		applied, known)
}

var _ database.Driver = (*driver)(nil)
