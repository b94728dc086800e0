package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

const (
	// pollHeld is how long the server holds a question when nothing happens; proxies often cut at a minute.
	pollHeld = 30 * time.Second
	// pollMost is how long an answer may take before the connection counts as lost.
	pollMost = pollHeld + 30*time.Second
	// pollAway is the longest pause between two tries to reach a server that is away.
	pollAway = 30 * time.Second
	// pollChanges is the most changes read at once.
	pollChanges = 500
)

func (p *program) syncCommand() *cobra.Command {
	c := group("sync", "follow what changes in a registry")
	c.AddCommand(p.watchCommand(), p.consumersCommand())
	return c
}

// watchFlags are those of sync watch.
type watchFlags struct {
	connection
	output
	since   string
	as      string
	limit   int
	timeout time.Duration
}

func (p *program) watchCommand() *cobra.Command {
	var f watchFlags
	c := &cobra.Command{
		Use: "watch", Short: "show changes as they happen",
		Long: `Show what is pushed, replaced, deleted and tagged in the namespace as it happens, a line each, from now on. "--namespace '*'" watches all.

It goes on until Ctrl-C, and comes back by itself when the server or the network was away: no change is lost. --since CURSOR goes on after a
change seen before ("cursor" in -o json, and the last line on stderr), "--since beginning" tells everything that ever happened. A cursor of another
registry, or from before its restore from a backup, is refused (exit code 1): what was seen is then not to be trusted, begin again.

-o json writes JSON Lines. --limit ends it after so many changes, and --timeout when it was not reached by then (exit code 8).`,
		Example: `spectro sync watch
spectro sync watch --namespace '*' -o json
spectro sync watch --since beginning --limit 10 --timeout 30s
spectro sync watch --format '{{.type}} {{.name}}:{{.version}}'`,
		Args: args(cobra.NoArgs), ValidArgsFunction: completeNothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.limit < 0 || f.timeout < 0 {
				return usagef("--limit and --timeout must not be negative")
			}
			c, err := p.connect(cmd.Context(), f.connection)
			if err != nil {
				return err
			}
			return p.watch(cmd.Context(), c.As(f.as), &f)
		},
	}
	f.output.flags(c)
	f.connection.flags(c)
	c.Flags().StringVar(&f.since, "since", "now", "where to begin: now, beginning, or a `CURSOR`")
	c.Flags().StringVar(&f.as, "consumer", "", "`NAME` under which the registry notes how far this has read (see spectro sync consumers)")
	c.Flags().IntVar(&f.limit, "limit", 0, "end after `N` changes (0 is never)")
	c.Flags().DurationVar(&f.timeout, "timeout", 0, "end after a `TIME` such as 30s (0 is never)")
	fixedWords(c, "since", []string{"now", "beginning"})
	return c
}

func (p *program) watch(ctx context.Context, c *client.Client, f *watchFlags) error {
	bounded := ctx
	if f.timeout > 0 {
		var stop context.CancelFunc
		bounded, stop = context.WithTimeoutCause(ctx, f.timeout, errTimeout)
		defer stop()
	}
	w := &watcher{p: p, c: c, f: f, cursor: f.since}
	if f.since == "beginning" {
		w.cursor = ""
	}
	err := w.run(bounded)
	if w.seen {
		fmt.Fprintf(p.Stderr, "To go on from here: --since %s\n", harmless(w.cursor))
	}
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.Is(context.Cause(bounded), errTimeout) && f.limit == 0:
		return nil
	case errors.Is(context.Cause(bounded), errTimeout):
		return fmt.Errorf("%w: after %s there were %s of %d", errTimeout, f.timeout, count(w.shown, "change"), f.limit)
	case pack.IsKind(err, pack.KindCursorGone):
		return pack.Wrap(pack.KindCursorGone, err, "the cursor %s is not of this registry, or from before it was restored from a backup: "+
			"changes may have been missed; look at everything again (spectro pack ls), then watch without --since", w.cursor)
	}
	return err
}

// watcher follows the feed.
type watcher struct {
	p      *program
	c      *client.Client
	f      *watchFlags
	cursor string
	seen   bool // cursor is the server's own, of a place in its feed
	shown  int
}

// run shows changes until the limit or the context ends it. A server that was there once and is away is waited for.
func (w *watcher) run(ctx context.Context) error {
	pause := time.Second
	for {
		err := w.poll(ctx)
		switch {
		case errors.Is(err, errEnough):
			return nil
		case err == nil:
			if pause > time.Second {
				fmt.Fprintln(w.p.Stderr, "spectro: the server is back")
			}
			pause = time.Second
			continue
		case ctx.Err() != nil || !w.seen || !mayReturn(err):
			return err
		}
		if pause == time.Second {
			fmt.Fprintf(w.p.Stderr, "spectro: %s; waiting for it to come back\n", oneLine(message(err)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(pause*2, pollAway)
	}
}

// errEnough ends a watch at its limit.
var errEnough = errors.New("enough changes")

// mayReturn reports whether the server may answer later as if nothing had been.
func mayReturn(err error) bool {
	switch {
	case errors.As(err, new(*client.NetworkError)), errors.Is(err, context.DeadlineExceeded):
		return true
	}
	switch pack.KindOf(err) {
	case pack.KindBusy, pack.KindUnavailable:
		return true
	case pack.KindInternal:
		return errors.As(err, new(*pack.Error)) // the server's, not one of ours
	}
	return false
}

// poll asks once and shows what there is. The first question is not held, so that the watch has its place in the feed at once.
func (w *watcher) poll(ctx context.Context) error {
	asked, stop := context.WithTimeout(ctx, pollMost)
	defer stop()
	held := pollHeld
	if !w.seen {
		held = 0
	}
	limit := pollChanges
	if w.f.limit > 0 {
		limit = min(limit, w.f.limit-w.shown)
	}
	list, err := w.c.Changes(asked, w.cursor, limit, held)
	if err != nil {
		return err
	}
	for i := range list.Changes {
		if err := w.show(&list.Changes[i]); err != nil {
			return err
		}
	}
	begun := w.seen
	w.cursor, w.seen, w.shown = list.Cursor, true, w.shown+len(list.Changes)
	switch {
	case w.f.limit > 0 && w.shown >= w.f.limit:
		return errEnough
	case !begun:
		fmt.Fprintf(w.p.Stderr, "Watching %s; Ctrl-C ends it.\n", w.c.Server())
	}
	return nil
}

// show writes one change in the form asked for.
func (w *watcher) show(c *pack.Change) error {
	out := w.p.Stdout
	name := nameIn(pack.Version{Namespace: c.Namespace, Name: c.Name}, w.c.Namespace()) + ":" + c.Version
	var err error
	switch {
	case w.f.template != "":
		return w.f.output.show(out, shown{value: c})
	case w.f.form == "json":
		e := json.NewEncoder(jsonText{out})
		e.SetEscapeHTML(false)
		return e.Encode(c)
	case w.f.form == "yaml":
		if _, err = fmt.Fprintln(out, "---"); err != nil {
			return err
		}
		return w.f.output.show(out, shown{value: c})
	case w.f.form == "name":
		_, err = fmt.Fprintln(out, harmless(name))
	default:
		what := shortDigest(c.Digest)
		if c.Tag != "" {
			what = "tag " + c.Tag
		}
		_, err = fmt.Fprintf(out, "%s  %-16s  %s  %s  by %s\n", c.At.UTC().Format(time.RFC3339), harmless(string(c.Type)), harmless(name), harmless(orDash(what)), orDash(oneLine(c.By)))
	}
	return err
}
