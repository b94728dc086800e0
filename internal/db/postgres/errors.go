package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
)

// retryAfter is what a client is told to wait for.
const retryAfter = 2 * time.Second

// state is the SQLSTATE in err, "" when it does not come from the server
// (PostgreSQL documentation, appendix A).
func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// isCollision reports whether the transaction has to be tried again.
func isCollision(err error) bool {
	s := state(err)
	return s == "40001" || s == "40P01" // serialization_failure, deadlock_detected
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
	case errors.Is(err, pgx.ErrNoRows):
		return sqlcat.ErrNoRows
	case errors.Is(err, sqlcat.ErrAgain):
		return unavailable(err, "the catalogue is too busy with the same pack, try again")
	case (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) && ctx.Err() == nil:
		return unavailable(err, "the database does not answer") // our own bound on a statement
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable(err, "the request ended before the catalogue answered")
	case ctx.Err() != nil: // a cancelled statement says so in its own words
		return unavailable(errors.Join(ctx.Err(), err), "the request ended before the catalogue answered")
	}
	if s := state(err); s != "" {
		return mapState(s, err)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, puddle.ErrClosedPool) {
		return unavailable(err, "the database cannot be reached")
	}
	return pack.Wrap(pack.KindInternal, err, "the database refused a statement")
}

func mapState(s string, err error) error {
	switch s {
	case "53100": // disk_full
		return pack.Wrap(pack.KindNoSpace, err, "the disk of the database is full")
	case "22021", "22P05": // character_not_in_repertoire, untranslatable_character
		return pack.Wrap(pack.KindInvalid, err, "text must be UTF-8 and hold no NUL character")
	case "25006": // read_only_sql_transaction: a standby, or one just being replaced
		return unavailable(err, "the database takes no writes now")
	case "3D000", "55P03": // invalid_catalog_name, lock_not_available
		return unavailable(err, "the database cannot be used now")
	case "25P03", "25P04", "57014", "57P05": // timeouts, query_canceled
		return unavailable(err, "the database gave up on a statement, try again")
	case "40001", "40P01":
		return unavailable(err, "the catalogue is too busy with the same pack, try again")
	}
	switch s[:2] {
	case "08", "53", "57", "58": // connection, resources, operator intervention, system
		return unavailable(err, "the database cannot be used now")
	case "28": // invalid_authorization_specification
		return unavailable(err, "the database refuses the login")
	}
	return pack.Wrap(pack.KindInternal, err, "the database refused a statement")
}

func unavailable(err error, message string) error {
	return &pack.Error{Kind: pack.KindUnavailable, Message: message, RetryAfter: retryAfter, Err: err}
}
