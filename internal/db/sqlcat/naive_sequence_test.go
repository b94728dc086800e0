package sqlcat_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"packregistry/internal/db/dbtest"
	"packregistry/internal/testenv"
)

// TestNaiveSequence puts a feed on a plain Postgres sequence, whose numbers are handed
// out before the commit, through the order test of the suite. It loses changes: this
// is why the catalogue draws its numbers under the lock of the feed row.
func TestNaiveSequence(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), testenv.Postgres(t)+"&pool_max_conns=20")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), `CREATE TABLE naive (seq bigserial PRIMARY KEY, event text NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	missed, total := dbtest.FeedOrder(t, "0", dbtest.Tailing{
		Write: func(ctx context.Context, event string) error {
			tx, err := pool.Begin(ctx)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback(ctx) }() // nothing after the commit
			if _, err := tx.Exec(ctx, `INSERT INTO naive (event) VALUES ($1)`, event); err != nil {
				return err
			}
			time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // the rest of the transaction
			return tx.Commit(ctx)
		},
		Read: func(ctx context.Context, cursor string) (events []string, next string, err error) {
			since, err := strconv.ParseInt(cursor, 10, 64)
			if err != nil {
				return nil, "", err
			}
			rows, err := pool.Query(ctx, `SELECT seq, event FROM naive WHERE seq > $1 ORDER BY seq`, since)
			if err != nil {
				return nil, "", err
			}
			defer rows.Close()
			for rows.Next() {
				var event string
				if err := rows.Scan(&since, &event); err != nil {
					return nil, "", err
				}
				events = append(events, event)
			}
			return events, strconv.FormatInt(since, 10), rows.Err()
		},
	})
	if missed == 0 {
		t.Fatal("the naive sequence lost nothing: the test would not notice a feed that does")
	}
	t.Logf("the naive sequence lost %d of %d", missed, total)
}
