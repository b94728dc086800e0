package postgres

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"packregistry/internal/db"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
	"packregistry/internal/testenv"
	"packregistry/migrations"
)

func publish(ctx context.Context, d db.DB, name string) error {
	digest := pack.Digest("sha256:" + strings.Repeat("ab", 32))
	lease, err := d.Lease(ctx, []pack.Digest{digest}, time.Minute)
	if err != nil {
		return err
	}
	_, _, err = d.Publish(ctx, db.Publication{
		Version: pack.Version{
			Namespace: "default", Name: name, Version: "1.0.0", Digest: digest, ContentDigest: "h1:x",
			CloudTypes: []string{"all"}, Annotations: map[string]string{"source": "community"},
		},
		Files: []pack.File{{Path: "pack.json", Size: 2, SHA256: strings.Repeat("cd", 32), CRC32: 1 << 31, Executable: true}},
		Lease: lease,
	})
	return err
}

// with adds a setting to a URL.
func with(t *testing.T, raw, key, value string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestReplicasMigrateOneNewDatabase(t *testing.T) {
	target := testenv.Postgres(t)
	const replicas = 6
	errs := make([]error, replicas)
	var wg sync.WaitGroup
	for i := range replicas {
		wg.Go(func() {
			d, err := Open(t.Context(), target, Options{})
			if err == nil {
				err = d.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestKilledMigrationIsDoneAgain(t *testing.T) {
	target := testenv.Postgres(t)
	step, err := migrations.FS.ReadFile("postgres/000001_catalogue.up.sql")
	if err != nil {
		t.Fatal(err)
	}
	withSession(t, target, func(s *session) error {
		if err := s.Begin(); err != nil {
			return err
		}
		if err := s.Exec(string(step)); err != nil {
			return err
		}
		return s.c.Conn().PgConn().Conn().Close() // as a killed process does
	})
	d := open(t, target)
	if applied, known, err := d.SchemaVersion(t.Context()); err != nil || applied != known {
		t.Errorf("SchemaVersion = %d of %d, %v", applied, known, err)
	}
	if err := publish(t.Context(), d, "x"); err != nil {
		t.Error(err)
	}
}

// TestWithoutPreparedStatements is what a URL says that leads to a transaction pooler.
func TestWithoutPreparedStatements(t *testing.T) {
	for _, mode := range []string{"exec", "simple_protocol", "cache_describe"} {
		t.Run(mode, func(t *testing.T) {
			d := open(t, with(t, testenv.Postgres(t), "default_query_exec_mode", mode))
			if err := publish(t.Context(), d, "x"); err != nil {
				t.Fatal(err)
			}
			v, f, err := d.FileBySHA256(t.Context(), "default", "x", strings.Repeat("cd", 32))
			if err != nil {
				t.Fatal(err)
			}
			if f.Path != "pack.json" || !f.Executable || f.CRC32 != 1<<31 || v.Version != "1.0.0" {
				t.Errorf("read back %+v of %+v", f, v)
			}
			page, err := d.Search(t.Context(), db.Query{
				Namespace: "*", Text: "x", CloudTypes: []string{"all"}, Sources: []string{"community"}, Limit: 10, Facets: true,
			})
			if err != nil || len(page.Items) != 1 {
				t.Errorf("Search = %+v, %v; want the pack", page, err)
			}
			if err := d.SetTag(t.Context(), "default", "x", "stable", "1.0.0", "me"); err != nil {
				t.Error(err)
			}
			created, err := d.CreateFirstAccount(t.Context(), db.Account{Name: "admin"})
			if err != nil || !created {
				t.Errorf("CreateFirstAccount = %v, %v", created, err)
			}
			if err := d.DeletePack(t.Context(), "default", "x", "me"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReplicaWakesWatchers(t *testing.T) {
	target := testenv.Postgres(t)
	a, b := open(t, target), open(t, target)
	watch := a.Watch(t.Context())
	waitLive(t, a, watch)
	if err := publish(t.Context(), b, "x"); err != nil {
		t.Fatal(err)
	}
	waitHead(t, a, watch, 1)
}

func TestListenerComesBack(t *testing.T) {
	target := testenv.Postgres(t)
	lost := make(chan struct{}, 1)
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) {
		if strings.Contains(string(p), "are lost") {
			select {
			case lost <- struct{}{}:
			default:
			}
		}
	}), nil))
	a, err := Open(t.Context(), target, Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b := open(t, target)
	watch := a.Watch(t.Context())
	waitLive(t, a, watch)
	conn, err := pgx.Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	// Sessions in LISTEN are idle ones whose last statement was that.
	if _, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND query LIKE 'LISTEN%'`); err != nil {
		t.Fatal(err)
	}
	<-lost // it may be back before anybody could see it not live
	waitLive(t, a, watch)
	if err := publish(t.Context(), b, "x"); err != nil {
		t.Fatal(err)
	}
	waitHead(t, a, watch, 1)
}

// writerFunc is an io.Writer.
type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// waitLive waits until d is live; each change of that wakes watchers.
func waitLive(t *testing.T, d *DB, watch <-chan struct{}) {
	t.Helper()
	for !d.Live() {
		<-watch
	}
}

func waitHead(t *testing.T, d *DB, watch <-chan struct{}, seq int64) {
	t.Helper()
	for range watch {
		head, err := d.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if head.Seq >= seq {
			return
		}
	}
}

func TestServerErrorsHaveKinds(t *testing.T) {
	target := testenv.Postgres(t)
	d := open(t, target)
	for _, tc := range []struct {
		state string
		want  pack.Kind
	}{
		{"53100", pack.KindNoSpace},
		{"53300", pack.KindUnavailable},
		{"57P01", pack.KindUnavailable},
		{"57014", pack.KindUnavailable},
		{"25006", pack.KindUnavailable},
		{"08006", pack.KindUnavailable},
		{"58030", pack.KindUnavailable},
		{"23505", pack.KindInternal},
		{"XX001", pack.KindInternal},
	} {
		_, err := tx{d.b.pool, answerTimeout}.Exec(t.Context(), "DO $$ BEGIN RAISE SQLSTATE '"+tc.state+"'; END $$")
		if !pack.IsKind(err, tc.want) {
			t.Errorf("SQLSTATE %s: %v is %s, want %s", tc.state, err, pack.KindOf(err), tc.want)
		}
	}
	_, err := Open(t.Context(), "postgres://nobody@127.0.0.1:1/none?connect_timeout=2", Options{})
	if !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Open where nothing listens = %v, want KindUnavailable", err)
	}
	_, err = Open(t.Context(), "postgres://user:secret@host:port/db", Options{})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("Open of a URL that is none = %v; want an error without the password", err)
	}
	readOnly := open(t, with(t, target, "default_transaction_read_only", "on"))
	if _, err := (tx{readOnly.b.pool, answerTimeout}).Exec(t.Context(), "UPDATE feed SET head = head"); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("writing to a standby = %v, want KindUnavailable", err)
	}
}

func TestCollisionsAreTriedAgain(t *testing.T) {
	d := open(t, testenv.Postgres(t))
	for _, state := range []string{"40001", "40P01"} {
		tries := 0
		err := d.b.Write(t.Context(), func(tx sqlcat.Tx) error {
			if tries++; tries == 3 {
				return nil
			}
			_, err := tx.Exec(t.Context(), "DO $$ BEGIN RAISE SQLSTATE '"+state+"'; END $$")
			return err
		})
		if err != nil || tries != 3 {
			t.Errorf("SQLSTATE %s: %d tries, %v; want success at the third", state, tries, err)
		}
	}
}

func TestPoolAfterRestart(t *testing.T) {
	target := testenv.Postgres(t)
	d := open(t, target)
	conn, err := pgx.Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	// Each call may find one connection that has died; none may find more than there are.
	for range maxConns + 1 {
		if err = publish(t.Context(), d, "x"); err == nil {
			return
		}
		if !pack.IsKind(err, pack.KindUnavailable) {
			t.Fatalf("publish on a connection that has died = %v, want KindUnavailable", err)
		}
	}
	t.Fatalf("the pool does not recover: %v", err)
}

func TestClosed(t *testing.T) {
	d, err := Open(t.Context(), testenv.Postgres(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Head(t.Context()); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Head after Close = %v, want KindUnavailable", err)
	}
	if d.Live() {
		t.Error("Live after Close")
	}
}
