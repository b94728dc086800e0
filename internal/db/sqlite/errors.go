package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	sqlitedriver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
)

// retryAfter is what a client is told to wait for.
const retryAfter = 2 * time.Second

// code is the primary result code of SQLite in err, 0 when there is none.
func code(err error) int {
	var e *sqlitedriver.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// isBusy reports whether another process held the lock for too long.
func isBusy(err error) bool {
	c := code(err)
	return c == codes.SQLITE_BUSY || c == codes.SQLITE_LOCKED
}

// errLeftOpen says that a connection may be in a transaction that could not be ended.
var errLeftOpen = errors.New("the transaction could not be rolled back")

// isBroken reports whether a connection should not be used again.
func isBroken(err error) bool {
	switch code(err) {
	case codes.SQLITE_IOERR, codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB, codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY:
		return true
	}
	return errors.Is(err, errLeftOpen) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

// mapError gives an error of the driver its kind. Errors that have one, and
// ErrNoRows and ErrAgain, stay as they are.
func mapError(ctx context.Context, err error) error {
	var known *pack.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, sqlcat.ErrNoRows):
		return err
	case errors.Is(err, sqlcat.ErrAgain):
		return unavailable(err, "the catalogue is too busy with the same pack, try again")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable(err, "the request ended before the catalogue answered")
	case ctx.Err() != nil: // an interrupted statement says so in its own words
		return unavailable(errors.Join(ctx.Err(), err), "the request ended before the catalogue answered")
	}
	switch code(err) {
	case codes.SQLITE_FULL:
		return pack.Wrap(pack.KindNoSpace, err, "the disk of the database is full")
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return unavailable(err, "the database is busy, try again")
	case codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_NOMEM, codes.SQLITE_PROTOCOL:
		return unavailable(err, "the database file cannot be used now")
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return pack.Wrap(pack.KindInternal, err, "the database file is damaged or is no database")
	case codes.SQLITE_INTERRUPT:
		return unavailable(err, "the database was interrupted, try again")
	}
	if errors.Is(err, errClosed) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return unavailable(err, "the database is closed")
	}
	return pack.Wrap(pack.KindInternal, err, "the database refused a statement")
}

func unavailable(err error, message string) error {
	return &pack.Error{Kind: pack.KindUnavailable, Message: message, RetryAfter: retryAfter, Err: err}
}
