package schema

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/golang-migrate/migrate/v4/database"
)

// driver is golang-migrate's view of a Session. Its lock is the transaction.
type driver struct {
	s      Session
	failed bool // a step failed: Unlock rolls back
}

// Lock begins the transaction.
func (d *driver) Lock() error {
	d.failed = false
	if err := d.s.Begin(); err != nil {
		return err
	}
	if err := d.s.Exec("CREATE TABLE IF NOT EXISTS " + historyTable +
		" (version bigint PRIMARY KEY, applied_at bigint NOT NULL)"); err != nil {
		return errors.Join(err, d.s.Rollback())
	}
	return nil
}

// Unlock ends the transaction: all steps hold, or none.
func (d *driver) Unlock() error {
	if d.failed {
		return d.s.Rollback()
	}
	return d.s.Commit()
}

// Run applies the statements of a step.
func (d *driver) Run(migration io.Reader) error {
	b, err := io.ReadAll(migration)
	if err == nil {
		err = d.s.Exec(string(b))
	}
	d.failed = d.failed || err != nil
	return err
}

// SetVersion records that the steps up to version are applied. The mark before a
// step (dirty) is not needed in a transaction.
func (d *driver) SetVersion(version int, dirty bool) error {
	if dirty {
		return nil
	}
	err := d.s.Exec(fmt.Sprintf("DELETE FROM %s WHERE version > %d", historyTable, version))
	if err == nil && version > 0 {
		err = d.s.Exec(fmt.Sprintf("INSERT INTO %s (version, applied_at) VALUES (%d, %d) ON CONFLICT DO NOTHING",
			historyTable, version, time.Now().UnixMicro()))
	}
	d.failed = d.failed || err != nil
	return err
}

// Version is the newest step applied.
func (d *driver) Version() (int, bool, error) {
	n, err := Applied(d.s)
	if err == nil && n == 0 {
		n = database.NilVersion
	}
	return n, false, err
}

// Close leaves the session to its owner.
func (d *driver) Close() error { return nil }

// Open and Drop are not used: a driver is made over a Session, and nobody drops a catalogue.
func (d *driver) Open(string) (database.Driver, error) {
	return nil, errors.New("a schema driver is not opened by URL")
}

// Drop refuses.
func (d *driver) Drop() error { return errors.New("a catalogue is not dropped") }
