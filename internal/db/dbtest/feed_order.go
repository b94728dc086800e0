package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"packregistry/internal/db"
)

// A change feed whose numbers are handed out before the commit loses changes: who
// has read number 7 never asks for number 6 again, which was handed out first and
// committed last. FeedOrder runs writers against a reader that follows the feed,
// and a naive feed through the same, which shows that the test can fail.

func feedOrderTests() []test {
	return []test{
		{"the naive feed loses changes", feedOrderNaive},
		{"the feed loses none", feedOrderReal},
	}
}

// Writers and events of the order test.
const (
	orderWriters = 16
	orderEvents  = 25 // each
)

// Tailing is a feed as the order test sees it. Events are any unique strings.
type Tailing struct {
	// Write appends an event and returns when it is committed.
	Write func(ctx context.Context, event string) error
	// Read returns the events after the cursor, and the next cursor.
	Read func(ctx context.Context, cursor string) (events []string, next string, err error)
}

// FeedOrder lets 16 writers write with random delays while a reader follows, and gives
// how many events the reader missed, of how many. It fails the test when an event comes twice.
func FeedOrder(t *testing.T, cursor string, f Tailing) (missed, total int) {
	t.Helper()
	ctx := t.Context()
	var wg sync.WaitGroup
	errs := make([]error, orderWriters)
	for i := range orderWriters {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for n := range orderEvents {
				time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
				errs[i] = errors.Join(errs[i], f.Write(ctx, fmt.Sprintf("w%d.%d", i, n)))
			}
		})
	}
	written := make(chan struct{})
	go func() { wg.Wait(); close(written) }()
	seen := make(map[string]bool)
	for last := false; ; {
		events, next, err := f.Read(ctx, cursor)
		ok(t, err)
		for _, e := range events {
			if seen[e] {
				t.Errorf("%s came twice", e)
			}
			seen[e] = true
		}
		if cursor = next; last && len(events) == 0 {
			break
		}
		select {
		case <-written:
			last = true
		default:
		}
	}
	ok(t, errors.Join(errs...))
	total = orderWriters * orderEvents
	return total - len(seen), total
}

// naiveFeed hands out numbers like a database sequence: at once, and the change is seen
// with its commit, a moment later.
type naiveFeed struct {
	mu        sync.Mutex
	sequence  int
	committed map[int]string
}

func (f *naiveFeed) write(_ context.Context, event string) error {
	f.mu.Lock()
	f.sequence++
	number := f.sequence
	f.mu.Unlock()
	time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // the rest of the transaction
	f.mu.Lock()
	defer f.mu.Unlock()
	f.committed[number] = event
	return nil
}

func (f *naiveFeed) read(_ context.Context, cursor string) ([]string, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var since, last int
	if _, err := fmt.Sscan(cursor, &since); err != nil {
		return nil, "", err
	}
	last = since
	var events []string
	for number, event := range f.committed {
		if number > since {
			events = append(events, event)
			last = max(last, number)
		}
	}
	return events, fmt.Sprint(last), nil
}

func feedOrderNaive(t *testing.T, _ Env) {
	naive := &naiveFeed{committed: make(map[int]string)}
	missed, total := FeedOrder(t, "0", Tailing{Write: naive.write, Read: naive.read})
	if missed == 0 {
		t.Fatal("the naive feed lost nothing: the test would not notice a feed that does")
	}
	t.Logf("the naive feed lost %d of %d", missed, total)
}

func feedOrderReal(t *testing.T, env Env) {
	start := birth(t, env.DB)
	replica := env.Reopen(t)
	handles := []db.DB{env.DB, replica}
	lastSeq := int64(0)
	missed, total := FeedOrder(t, db.EncodeCursor(start), Tailing{
		Write: func(ctx context.Context, event string) error {
			p := publication("default", event, "1.0.0", event)
			for i := range len(event) % 4 * 20 { // transactions of different lengths
				p.Files = append(p.Files, p.Files[0])
				p.Files[len(p.Files)-1].Path = fmt.Sprint("more/", i)
			}
			_, _, err := tryPublish(ctx, handles[len(event)%2], p)
			return err
		},
		Read: func(ctx context.Context, cursor string) ([]string, string, error) {
			since, err := db.DecodeCursor(cursor)
			if err != nil {
				return nil, "", err
			}
			list, next, err := replica.Changes(ctx, since, "*", 100)
			var events []string
			for _, c := range list {
				if c.Seq <= lastSeq {
					t.Errorf("number %d after %d", c.Seq, lastSeq)
				}
				lastSeq = c.Seq
				events = append(events, c.Name)
			}
			return events, db.EncodeCursor(next), err
		},
	})
	if missed != 0 {
		t.Errorf("the reader missed %d of %d changes", missed, total)
	}
}
