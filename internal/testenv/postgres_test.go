package testenv

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestPostgresGivesEmptyDatabases(t *testing.T) {
	ctx := context.Background()
	var urls []string
	t.Run("in use", func(t *testing.T) {
		for range 2 {
			u := Postgres(t)
			urls = append(urls, u)
			conn, err := pgx.Connect(ctx, u)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(ctx) }()
			var tables int
			if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil || tables != 0 {
				t.Fatalf("tables %d, error %v", tables, err)
			}
			if _, err := conn.Exec(ctx, "CREATE TABLE t (a int)"); err != nil {
				t.Fatal(err)
			}
		}
	})
	if len(urls) != 2 {
		t.Skip("no Postgres")
	}
	if urls[0] == urls[1] {
		t.Error("both tests had the same database")
	}
	for _, u := range urls {
		if conn, err := pgx.Connect(ctx, u); err == nil {
			t.Error("a database was left behind")
			_ = conn.Close(ctx)
		}
	}
}

func TestStartPostgresKeepsItsData(t *testing.T) {
	if _, err := postgresBin(); err != nil {
		Missing(t, "Postgres", err)
	}
	// t.TempDir would lie below a directory that the service's user may not enter.
	dir, err := os.MkdirTemp("", "registry-keep-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"CREATE TABLE kept (a int)", "DROP TABLE kept"} {
		u, stop, err := StartPostgres(filepath.Join(dir, "made", "here"))
		if err != nil {
			t.Fatal(err)
		}
		if err := execOn(u, sql); err != nil {
			t.Error(err)
		}
		stop()
		if err := execOn(u, sql); err == nil {
			t.Error("the server answers after stop")
		}
	}
}

// helperEnv makes the test binary the process that starts a server and then dies.
const helperEnv = "TESTENV_START_AND_PANIC"

func TestServerEndsWithItsProcess(t *testing.T) {
	if os.Getenv(helperEnv) != "" {
		u, _, err := StartPostgres("")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stdout.WriteString("URL " + u + "\n"); err != nil {
			t.Fatal(err)
		}
		panic("as a failing test would")
	}
	if _, err := postgresBin(); err != nil {
		Missing(t, "Postgres", err)
	}
	tmp, err := os.MkdirTemp("", "registry-end-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithItsProcess$")
	cmd.Env = append(os.Environ(), helperEnv+"=1", "TMPDIR="+tmp)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("the helper did not panic: %v\n%s", err, out)
	}
	_, rest, ok := strings.Cut(string(out), "URL ")
	if !ok {
		t.Fatalf("no server was started:\n%s", out)
	}
	u, _, _ := strings.Cut(rest, "\n")
	for { // ends with the test's own time limit
		left, err := filepath.Glob(filepath.Join(tmp, "registry-pg-*"))
		if err != nil {
			t.Fatal(err)
		}
		if execOn(u, "SELECT 1") != nil && len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
