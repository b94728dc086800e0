package postgres

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
)

// rows is a sqlcat.Rows. Only the server's silence is bounded, not the time that the
// reader takes between two rows: a slow mirror reads the catalogue for long.
type rows struct {
	ctx  context.Context // the caller's
	r    pgx.Rows
	wait *silence
}

func (r *rows) Next() bool {
	r.wait.begin()
	defer r.wait.heard()
	return r.r.Next()
}

func (r *rows) Scan(dest ...any) error { return mapError(r.ctx, r.r.Scan(dest...)) }

// Text implements sqlcat.Rows.
func (r *rows) Text() (string, error) {
	values := r.r.RawValues()
	if len(values) != 1 || values[0] == nil {
		return "", pack.Errorf(pack.KindInternal, "", "a row of %d columns where one text was asked for", len(values))
	}
	return sqlcat.Borrowed(values[0]), nil
}

// Close reads what is left, which the server may also keep us waiting for.
func (r *rows) Close() {
	r.wait.begin()
	r.r.Close()
	r.wait.stop()
}

func (r *rows) Err() error { return mapError(r.ctx, r.r.Err()) }

// silence cancels a query when the server was waited for as long as an answer may take. A timer set
// and stopped for each row would cost more than the row: this one looks now and then, and counts
// how often it has seen the same wait.
type silence struct {
	cancel context.CancelFunc
	timer  *time.Timer
	pace   time.Duration
	waits  atomic.Int64 // odd while the server is waited for
	ended  atomic.Bool
	last   int64 // waits, as the look before has seen it
	seen   int   // how many looks have seen that wait
}

// looks is how often a wait is seen before it is too long.
const looks = 4

// newSilence begins to wait.
func newSilence(answer time.Duration, cancel context.CancelFunc) *silence {
	s := &silence{cancel: cancel, pace: answer / looks}
	s.waits.Store(1)
	s.timer = time.AfterFunc(math.MaxInt64, s.look)
	s.timer.Reset(s.pace) // now that look finds the timer
	return s
}

func (s *silence) begin() { s.waits.Add(1) }
func (s *silence) heard() { s.waits.Add(1) }

func (s *silence) look() {
	now := s.waits.Load()
	if now != s.last {
		s.last, s.seen = now, 0
	}
	if s.seen++; s.seen > looks && now%2 == 1 {
		s.cancel()
		return
	}
	if s.ended.Load() {
		return
	}
	s.timer.Reset(s.pace)
	if s.ended.Load() { // stopped before it was set again
		s.timer.Stop()
	}
}

// stop ends the watch, and the query.
func (s *silence) stop() {
	s.ended.Store(true)
	s.timer.Stop()
	s.cancel()
}
