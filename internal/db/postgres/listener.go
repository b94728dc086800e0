package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"golang.org/x/sync/errgroup"

	"packregistry/internal/db/sqlcat"
)

const (
	// feedChannel is what the trigger on the feed row notifies (migration 1).
	feedChannel = "packregistry_feed"
	// probeEvery is how often the connection has to prove that notifications arrive,
	// and probeTimeout how long one may take.
	probeEvery   = 5 * time.Second
	probeTimeout = 2 * time.Second
	// Waits between connections that fail.
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 5 * time.Second
)

// listener keeps a connection of its own, outside the pool, that waits for
// notifications. Since behind a transaction pooler, or on a network that lost the
// connection silently, LISTEN succeeds and nothing ever comes, live is true only
// while notifications sent to itself through the pool arrive.
type listener struct {
	b    *backend
	hub  *sqlcat.Hub
	log  *slog.Logger
	live atomic.Bool
	stop context.CancelFunc
	done chan struct{}
}

func newListener(b *backend, hub *sqlcat.Hub, log *slog.Logger) *listener {
	return &listener{b: b, hub: hub, log: log, done: make(chan struct{})}
}

// start runs the listener until close. Nothing waits for it to be live: until then the head is read.
func (l *listener) start(ctx context.Context) {
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go l.run(ctx)
}

func (l *listener) close() {
	l.stop()
	<-l.done
}

// run listens, and again after each failure.
func (l *listener) run(ctx context.Context) {
	defer close(l.done)
	wait := backoffFirst
	for ctx.Err() == nil {
		err := l.listen(ctx, func() {
			wait = backoffFirst
			l.live.Store(true)
			l.hub.Notify() // what was committed before nobody has told
		})
		wasLive := l.live.Swap(false)
		if ctx.Err() != nil {
			return
		}
		l.hub.Notify() // so that those who wait look for themselves
		if wasLive || wait == backoffFirst {
			l.log.Warn("notifications of the database are lost, the head is read instead", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, backoffMost)
	}
}

// listen holds one connection until it fails or ctx ends, and calls proven when the
// first notification has come through.
func (l *listener) listen(ctx context.Context, proven func()) error {
	connectCtx, cancel := context.WithTimeout(ctx, backoffMost)
	defer cancel()
	cfg := l.b.pool.Config().ConnConfig.Copy()
	// Ending a wait cancels nothing in the server: it closes the connection, which is meant.
	cfg.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	}
	conn, err := pgx.ConnectConfig(connectCtx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(end) // nothing is lost with it
	}()
	probeChannel := "packregistry_probe_" + strings.ToLower(rand.Text())
	for _, channel := range []string{feedChannel, probeChannel} {
		if _, err := conn.Exec(connectCtx, "LISTEN "+channel); err != nil {
			return err
		}
	}
	seen := make(chan struct{}, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for {
			n, err := conn.WaitForNotification(ctx)
			if err != nil {
				return fmt.Errorf("wait for a notification: %w", err)
			}
			if n.Channel == feedChannel {
				l.hub.Notify()
				continue
			}
			select {
			case seen <- struct{}{}:
			default:
			}
		}
	})
	g.Go(func() error {
		for try := 0; ; try++ {
			if err := l.probe(ctx, probeChannel, seen); err != nil {
				return err
			}
			if try == 0 {
				proven()
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(probeEvery):
			}
		}
	})
	return g.Wait()
}

var errProbe = errors.New("a notification sent to itself did not arrive")

// probe sends a notification through the pool and waits until seen tells of it.
func (l *listener) probe(ctx context.Context, channel string, seen <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if _, err := l.b.pool.Exec(ctx, "SELECT pg_notify($1, '')", channel); err != nil {
		return fmt.Errorf("send a notification: %w", err)
	}
	select {
	case <-seen:
		return nil
	case <-ctx.Done():
		return errProbe
	}
}
