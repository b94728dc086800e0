// Package testenv finds or starts the real services that tests run against: a
// Postgres and an S3 server. Nothing here is part of the product.
package testenv

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresURL is the environment variable that names a running server on which
// tests may create and drop databases. `make test` sets it for all packages.
const PostgresURL = "REGISTRY_TEST_POSTGRES_URL"

// shared is the one server of this test process, started by the first test that
// needs it. It ends with the process (see supervise).
var shared struct {
	sync.Once
	url string
	err error
}

// Postgres gives the URL of a fresh, empty database that is dropped when the test
// ends. Without a Postgres the test is skipped; with CI=true it fails.
func Postgres(t testing.TB) string {
	t.Helper()
	admin := os.Getenv(PostgresURL)
	if admin == "" {
		shared.Do(func() { shared.url, _, shared.err = StartPostgres("") })
		if shared.err != nil {
			Missing(t, "Postgres", shared.err)
		}
		admin = shared.url
	}
	name := "test_" + randomName()
	// A linguistic order as the default makes a comparison show that relies on
	// the order of bytes without asking for it. Not every build has ICU.
	create := "CREATE DATABASE " + name + " TEMPLATE template0"
	if err := execOn(admin, create+" LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"); err != nil {
		if err := execOn(admin, create); err != nil {
			t.Fatalf("create a database for the test: %v", err)
		}
	}
	t.Cleanup(func() {
		if err := execOn(admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the database of the test: %v", err)
		}
	})
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatalf("%s: %v", PostgresURL, err)
	}
	u.Path = "/" + name
	return u.String()
}

// Missing ends a test that cannot run for want of a service: skipped, or failed
// where CI=true says that everything must be there.
func Missing(t testing.TB, what string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is needed: %v", what, err)
	}
	t.Skipf("%s is needed: %v", what, err)
}

func randomName() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// execOn runs one statement on a connection of its own.
func execOn(server, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
