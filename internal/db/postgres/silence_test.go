package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
	"packregistry/internal/testenv"
)

// silencer passes bytes between clients and a Postgres until it is told to be
// silent: then it takes everything and answers nothing, like a host that is lost.
type silencer struct {
	silent atomic.Bool
	mu     sync.Mutex
	conns  []net.Conn
}

// hangUp ends all connections, so that nobody waits for their orderly end.
func (s *silencer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
}

// start gives the URL that leads through the silencer.
func (s *silencer) start(t *testing.T, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, client, upstream)
			s.mu.Unlock()
			go s.pass(client, upstream)
			go s.pass(upstream, client)
		}
	}()
	u.Host = l.Addr().String()
	return u.String()
}

func (s *silencer) pass(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !s.silent.Load() {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) || !s.silent.Load() {
				to.Close()
			}
			return
		}
	}
}

// A database that says nothing more must not hold requests for as long as TCP would.
func TestSilentDatabase(t *testing.T) {
	var s silencer
	d := open(t, s.start(t, testenv.Postgres(t)))
	t.Cleanup(s.hangUp) // before the catalogue is closed
	patient := *d.b     // begins also on a machine that is slow
	d.b.answer = 200 * time.Millisecond
	if _, err := d.ListAccounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func(sqlcat.Tx) error{
		"exec":      func(tx sqlcat.Tx) error { _, err := tx.Exec(t.Context(), "SELECT 1"); return err },
		"query":     func(tx sqlcat.Tx) error { return all(t.Context(), tx, "SELECT 1") },
		"query row": func(tx sqlcat.Tx) error { var n int; return tx.QueryRow(t.Context(), "SELECT 1").Scan(&n) },
	} {
		t.Run(name, func(t *testing.T) {
			type transaction func(context.Context, func(sqlcat.Tx) error) error
			for _, within := range [][2]transaction{{patient.Read, d.b.Read}, {patient.Write, d.b.Write}} {
				var err error
				for asked := false; !asked; { // it cannot begin on a connection that was lost in the silence before
					err = within[0](t.Context(), func(begun sqlcat.Tx) error {
						asked = true
						s.silent.Store(true)
						return ask(tx{begun.(tx).q, d.b.answer})
					})
				}
				if !pack.IsKind(err, pack.KindUnavailable) {
					t.Errorf("in a transaction = %v, want KindUnavailable", err)
				}
				if err := ask(d.b.Direct()); !pack.IsKind(err, pack.KindUnavailable) {
					t.Errorf("direct = %v, want KindUnavailable", err)
				}
				if err := within[1](t.Context(), func(sqlcat.Tx) error { return nil }); !pack.IsKind(err, pack.KindUnavailable) {
					t.Errorf("begin = %v, want KindUnavailable", err)
				}
				s.silent.Store(false)
			}
		})
	}
}

// all reads the rows of a query.
func all(ctx context.Context, tx sqlcat.Tx, query string) error {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A reader that is slow between two rows is not cut off.
func TestSlowReader(t *testing.T) {
	d := open(t, testenv.Postgres(t))
	d.b.answer = 2 * time.Second
	err := d.b.Read(t.Context(), func(tx sqlcat.Tx) error {
		rows, err := tx.Query(t.Context(), "SELECT n, repeat('x', 1000) FROM generate_series(1, 10000) n")
		if err != nil {
			return err
		}
		defer rows.Close()
		n := 0
		for ; rows.Next(); n++ {
			if n == 1 {
				time.Sleep(d.b.answer + 500*time.Millisecond)
			}
		}
		if n != 10000 {
			t.Errorf("%d rows, want 10000", n)
		}
		return rows.Err()
	})
	if err != nil {
		t.Error(err)
	}
}

// A process that freezes with the row of the feed in its hands must not stop the others
// for good; one that is about to remove a blob keeps others from using it.
func TestFrozenWriter(t *testing.T) {
	target := testenv.Postgres(t)
	frozen, other := open(t, target), open(t, target)
	frozen.b.silence = time.Second
	err := frozen.b.Write(t.Context(), func(tx sqlcat.Tx) error {
		if _, err := tx.Exec(t.Context(), "UPDATE feed SET head = head"); err != nil {
			return err
		}
		// Waits until the row is free.
		if err := publish(t.Context(), other, "x"); err != nil {
			t.Errorf("publish beside a frozen process: %v", err)
		}
		_, err := tx.Exec(t.Context(), "UPDATE feed SET head = head")
		return err
	})
	if !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("the frozen process goes on: %v, want KindUnavailable", err)
	}
	digest := pack.Digest("sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	gone, err := frozen.SweepBlob(t.Context(), digest, func(context.Context) error {
		time.Sleep(2 * frozen.b.silence)
		return nil
	})
	if err != nil || !gone {
		t.Errorf("a slow removal = %v, %v; want that the transaction outlives it", gone, err)
	}
}
