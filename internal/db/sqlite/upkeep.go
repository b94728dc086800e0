package sqlite

import (
	"context"
	"log/slog"
	"time"

	"packregistry/internal/db/sqlcat"
)

// What the upkeep goes by. A page is 4 KiB.
const (
	// upkeepEvery is how often it looks while somebody writes.
	upkeepEvery = 25 * time.Millisecond
	// quietTime without a commit is quiet: then what is left is done too.
	quietTime = time.Second
	// checkpointPages in the log, 32 MB, are copied into the file while more come: what the commits of a large
	// catalogue touch lies all over it, so writing it beside them costs them a tenth. Less waits for quiet.
	checkpointPages = 8000
	// againPages later it tries again to have a long log begin anew.
	againPages = 1000
	// mostPages is how long the log gets before a commit copies it by itself: more than the upkeep leaves, unless it
	// cannot keep up or nobody runs it.
	mostPages = 2 * checkpointPages
	// mergePages is one step in merging segments of the search index: two or three milliseconds.
	mergePages = 16
	// mergeCommits are worth a merge while more come.
	mergeCommits = 32
	// The writer is the upkeep's for one part in so many while others want it, and while nobody does.
	busyShare, quietShare = 60, 4
	// troubleTime is the rest after a failure, which others tell their callers about.
	troubleTime = 10 * time.Second
)

// upkeep does what no request should wait for: it copies the log into the database file, so that commits do not, and merges
// what they have added to the search index. Nothing depends on it: a commit finds a log of mostPages and copies it
// itself, and the index bounds its segments by itself. It sleeps while this process does not write.
type upkeep struct {
	b    *backend
	log  *slog.Logger
	stop context.CancelFunc
	done chan struct{} // closed when it has ended

	stuck   int       // how long the log was when last not all of it could be copied; 0 when it could
	tuned   bool      // the search index leaves merging to the upkeep
	commits int64     // of the backend, before the last merge that was found to be complete; -1 before any
	merging bool      // there is more to merge
	mergeAt time.Time // when the next step may be
}

// startUpkeep begins it. The context ends nothing.
func startUpkeep(ctx context.Context, b *backend, log *slog.Logger) *upkeep {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	u := &upkeep{b: b, log: log, stop: stop, done: make(chan struct{}), commits: -1}
	go u.run(ctx)
	return u
}

// end stops it and waits for that.
func (u *upkeep) end() {
	u.stop()
	<-u.done
}

func (u *upkeep) run(ctx context.Context) {
	defer close(u.done)
	// Once also for what others have left, such as a restore or a process that was killed: when the start is over.
	for start := time.After(quietTime); ; start = nil {
		select {
		case <-ctx.Done():
			return
		case <-start:
		case <-u.b.wrote:
		}
		if err := u.attend(ctx); err != nil && ctx.Err() == nil {
			u.log.Warn("database upkeep failed", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(troubleTime):
			}
		}
	}
}

// attend works until it is quiet and nothing is left to do.
func (u *upkeep) attend(ctx context.Context) error {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	last := time.Now() // of the last commit
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			select {
			case <-u.b.wrote:
				last = now
			default:
			}
			quiet := now.Sub(last) >= quietTime
			if err := u.merge(ctx, quiet); err != nil {
				return err
			}
			idle := quiet && !u.merging
			if seen, err := u.checkpoint(ctx, idle); err != nil || idle && seen {
				return err
			}
		}
	}
}

// checkpoint copies the log when there is enough of it, or in quiet any. What readers still need stays in it. It reports whether it
// could see the log.
func (u *upkeep) checkpoint(ctx context.Context, quiet bool) (seen bool, err error) {
	var busy bool // somebody else is at it
	var log, copied int
	look := func(mode string) func(*conn) error {
		return func(c *conn) error {
			return c.queryRow(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &copied)
		}
	}
	if err := u.b.withReader(ctx, look("NOOP")); err != nil || log < 0 { // -1: somebody holds it this moment
		return false, err
	}
	if log < u.stuck {
		u.stuck = 0 // it began anew
	}
	enough := checkpointPages
	if log > checkpointPages {
		enough = againPages
	}
	if log-max(copied, u.stuck) < enough && !(quiet && copied < log) {
		return true, nil
	}
	// Beside those who write.
	if err := u.b.withReader(ctx, look("PASSIVE")); err != nil || busy {
		return true, err
	}
	u.stuck = 0
	if copied < log { // for a reader of an older state: trying all the time would be in vain
		u.stuck = log
		return true, nil
	}
	if log < checkpointPages { // it was quiet
		return true, nil
	}
	// The log begins anew with the first commit that finds all of it copied, which under load none does. What came
	// meanwhile is little: copied while nobody of this process writes, it is all.
	return true, u.b.withWriter(ctx, look("PASSIVE"))
}

// merge makes a step, when there is one to make and it is time for it.
func (u *upkeep) merge(ctx context.Context, quiet bool) error {
	commits := u.b.commits.Load()
	due := commits-u.commits >= mergeCommits || quiet && commits != u.commits || !u.tuned && commits > 0
	if u.merging = u.merging || due; !u.merging || time.Now().Before(u.mergeAt) {
		return nil
	}
	share := busyShare
	if quiet {
		share = quietShare
	}
	var begun time.Time
	err := u.b.withWriter(ctx, func(c *conn) error {
		begun = time.Now()
		// A merge changes nothing that anybody could see: a crash may lose it.
		if err := c.setSoft(ctx, u.b.syncs); err != nil {
			return err
		}
		return transact(ctx, c, "BEGIN IMMEDIATE", func(tx sqlcat.Tx) (err error) {
			if !u.tuned {
				if err := sqlcat.TuneTerms(ctx, tx); err != nil {
					return err
				}
			}
			u.merging, err = sqlcat.MergeTerms(ctx, tx, mergePages)
			return err
		})
	})
	if err != nil {
		return err
	}
	u.tuned = true
	if !u.merging {
		u.commits = commits
	}
	u.mergeAt = time.Now().Add(time.Since(begun) * time.Duration(share-1))
	return nil
}
