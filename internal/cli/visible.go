package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"packregistry/internal/cli/push"
	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// visibleLook is the pause between two looks whether Palette shows a pack.
const visibleLook = 400 * time.Millisecond

// entries are the names of the entries in Palette that show the namespace. It is an error when there is none: one would wait in vain.
func (p *program) entries(ctx context.Context, c *client.Client) ([]string, error) {
	state, err := c.Palette(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range state.Connections {
		if e.Namespace == c.Namespace() && e.UID != "" {
			names = append(names, e.Name)
		}
	}
	if len(names) == 0 {
		return nil, pack.Errorf(pack.KindNotFound, "connection_not_found", "no Palette shows the namespace %s of this registry, so there is nothing to wait for; its administrator connects one with registry palette connect", c.Namespace())
	}
	if state.Leader == "" {
		fmt.Fprintln(p.Stderr, "spectro: no running server keeps Palette in sync; what is pushed shows after Palette's own sync, once a day")
	}
	return names, nil
}

// waitVisible waits until all the entries show all that was pushed.
func (p *program) waitVisible(ctx context.Context, c *client.Client, entries []string, results []*push.Result, most time.Duration) error {
	begun := time.Now()
	bounded, stop := context.WithTimeoutCause(ctx, most, errTimeout)
	defer stop()
	for i, r := range results {
		missing, err := p.waitOne(bounded, c, entries, r)
		switch {
		case err == nil:
			r.VisibleIn = entries
			fmt.Fprintf(p.Stderr, "%s is shown by %s (%s after the push)\n", harmless(r.Label()), harmless(strings.Join(entries, ", ")), time.Since(begun).Round(100*time.Millisecond))
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(context.Cause(bounded), errTimeout):
			return err
		default:
			text := fmt.Sprintf("%s is pushed, and after %s not shown by %s", harmless(r.Label()), most, harmless(strings.Join(missing, ", ")))
			if more := len(results) - i - 1; more > 0 {
				text += fmt.Sprintf(", nor were %s looked for", count(more, "more pack"))
			}
			return fmt.Errorf("%w: %s%s", errTimeout, text, p.why(ctx, c, missing))
		}
	}
	return nil
}

// waitOne waits for one pack. With its error it gives the entries that do not show it.
func (p *program) waitOne(ctx context.Context, c *client.Client, entries []string, r *push.Result) (missing []string, err error) {
	missing = entries
	for {
		v, err := c.Version(ctx, r.Name, r.Version)
		switch {
		case err == nil:
			missing = slices.DeleteFunc(slices.Clone(entries), func(name string) bool {
				return v.Revision >= r.Revision && slices.ContainsFunc(v.VisibleIn, func(in pack.Visible) bool { return in.Entry == name })
			})
			if len(missing) == 0 {
				return nil, nil
			}
		case ctx.Err() != nil || !mayReturn(err):
			return missing, err
		}
		select {
		case <-ctx.Done():
			return missing, ctx.Err()
		case <-time.After(visibleLook):
		}
	}
}

// why is what the server knows of entries that do not show what they should; "" nothing.
func (p *program) why(ctx context.Context, c *client.Client, names []string) string {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	state, err := c.Hasty().Palette(ctx)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, e := range state.Connections {
		if slices.Contains(names, e.Name) && e.Sync.Problem != "" {
			fmt.Fprintf(&b, "; %s: %s", harmless(e.Name), oneLine(e.Sync.Problem))
		}
	}
	return b.String()
}
