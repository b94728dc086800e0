package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/push"
	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// pushFlags are those of pack push.
type pushFlags struct {
	connection
	output
	force, skipDigest, dryRun, goOn, visible bool
	message                                  string
	atOnce                                   int
	visibleMost                              time.Duration
}

func (p *program) pushCommand() *cobra.Command {
	var f pushFlags
	c := &cobra.Command{
		Use: "push SOURCE...", Short: "publish packs",
		Long: `Publish packs. A SOURCE is the directory of a pack, or a zip or tar.gz of one, which goes up byte for byte. Name and version come from
pack.json; how the directory is called does not matter.

A directory is packed so that the same files are always the same archive. Left out are .git and what other version control,
editors and desktops leave behind, and what a file .packignore at the pack's root names, in the syntax of .dockerignore. A link is stored as the
file or directory it leads to; one that leads out of the directory is refused.

The pack is checked with the server's rules before anything is uploaded: a bad one is refused with what is wrong (exit code 7), what is odd is told.

A version that is there already is refused (exit code 6), also with the same content. --force replaces its content, says why in
--message, and changes nothing where the content is the same: a pipeline may push all its packs with --force on each run. Content is compared by
file, so how the archive was made does not matter; --skip-digest-check leaves that to the server. Replaced content stays fetchable by its digest.

Several sources are pushed at the same time (--concurrency). After a failure no more are begun, unless --continue-on-error is given; then all
failures are listed at the end. The exit code is that of the first source that failed.

--wait-visible waits until every Palette that is connected to the namespace shows what was pushed (exit code 8 when it does not within
--wait-timeout; what was pushed stays). Where none is connected nothing is pushed (exit code 5).`,
		Example: `spectro pack push argo-cd
spectro pack push --force --message "logo in better quality" argo-cd
spectro pack push -r packs.example.com:5000 --namespace team/edge argo-cd-3.26.7.zip
spectro pack push --dry-run packs/*/
spectro pack push --continue-on-error -f -m "build 1234" -o json packs/*/
spectro pack push --wait-visible --wait-timeout 2m argo-cd`,
		Args: args(cobra.MinimumNArgs(1)), ValidArgsFunction: complete(completeFiles),
		RunE: func(cmd *cobra.Command, sources []string) error {
			switch {
			case f.force && strings.TrimSpace(f.message) == "":
				return usagef("--force needs --message, which says why the content changes")
			case f.atOnce < 1:
				return usagef("--concurrency is at least 1")
			case f.visible && f.dryRun:
				return usagef("--dry-run pushes nothing that --wait-visible could wait for")
			case f.visibleMost <= 0:
				return usagef("--wait-timeout must be above 0")
			}
			c, err := p.connectToPush(cmd.Context(), f.connection)
			if err != nil {
				return err
			}
			return p.push(cmd.Context(), c, &f, sources)
		},
	}
	f.connection.flags(c)
	f.output.flags(c)
	c.Flags().BoolVarP(&f.force, "force", "f", false, "replace the content of a version that is there; needs --message")
	c.Flags().StringVarP(&f.message, "message", "m", "", "`TEXT` that says why, kept with the version")
	c.Flags().BoolVar(&f.skipDigest, "skip-digest-check", false, "with --force, upload without comparing the content first")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "check and compare, but do not upload")
	c.Flags().IntVar(&f.atOnce, "concurrency", 4, "push up to `N` sources at the same time")
	c.Flags().BoolVar(&f.visible, "wait-visible", false, "wait until Palette shows what was pushed")
	c.Flags().DurationVar(&f.visibleMost, "wait-timeout", 5*time.Minute, "give up --wait-visible after a `TIME` such as 2m")
	c.Flags().BoolVar(&f.goOn, "continue-on-error", false, "push the other sources when one fails")
	return c
}

// connectToPush makes the client of the server that is meant, and of one namespace.
func (p *program) connectToPush(ctx context.Context, on connection) (*client.Client, error) {
	c, err := p.connect(ctx, on)
	if err != nil {
		return nil, err
	}
	if c.Namespace() == pack.AllNamespaces {
		return nil, usagef("a pack is pushed to one namespace; name it with --namespace")
	}
	return c, nil
}

// push pushes and shows what became of the sources.
func (p *program) push(ctx context.Context, c *client.Client, f *pushFlags, sources []string) error {
	var entries []string
	if f.visible {
		var err error
		if entries, err = p.entries(ctx, c); err != nil {
			return err
		}
	}
	results, failure := p.pushAll(ctx, c, f, sources)
	if f.visible && failure == nil {
		failure = p.waitVisible(ctx, c, entries, results, f.visibleMost)
	}
	if len(results) > 0 || f.form == "json" || f.form == "yaml" {
		if err := f.show(p.Stdout, pushed(results)); err != nil && failure == nil {
			return err
		}
	}
	return failure
}

// pushAll pushes and tells; the results are of what did not fail.
func (p *program) pushAll(ctx context.Context, c *client.Client, f *pushFlags, sources []string) ([]*push.Result, error) {
	bar := p.progress()
	defer bar.close()
	pusher, err := push.New(push.Options{
		Client: c, Force: f.force, Message: f.message, SkipDigestCheck: f.skipDigest, DryRun: f.dryRun,
		Warn:   func(source string, odd []pack.Finding) { bar.talk(func() { p.warn(source, odd) }) },
		Upload: bar.transfer,
	})
	if err != nil {
		return nil, err
	}
	done := make([]*push.Result, len(sources))
	failures := push.Each(ctx, len(sources), f.atOnce, f.goOn, func(ctx context.Context, i int) error {
		r, err := pusher.Push(ctx, sources[i])
		done[i] = r
		if err != nil && ctx.Err() == nil && len(sources) > 1 {
			bar.talk(func() { p.tell(fmt.Errorf("%s: %w", sources[i], err)) })
		}
		return err
	})
	bar.close()
	results := []*push.Result{}
	for _, r := range done {
		if r != nil {
			results = append(results, r)
		}
	}
	switch failure := errors.Join(failures...); {
	case failure == nil:
		return results, nil
	case ctx.Err() != nil:
		return results, context.Cause(ctx)
	case len(sources) == 1:
		return results, failures[0]
	}
	return results, quietError{p.sumUp(ctx, sources, failures)}
}

// warn tells what is odd about a pack.
func (p *program) warn(source string, odd []pack.Finding) {
	fmt.Fprintf(p.Stderr, "spectro: %s has warnings\n", source)
	p.tellFindings(odd)
}

// sumUp lists what failed and gives the failure that the exit code is of.
func (p *program) sumUp(ctx context.Context, sources []string, failures []error) (first error) {
	left, failed := 0, 0
	t := tabwriter.NewWriter(p.Stderr, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "FAILED\tEXIT\tWHY")
	for i, err := range failures {
		switch {
		case errors.Is(err, push.ErrNotTried):
			left++
		case err != nil:
			failed++
			first = cmp.Or(first, err)
			fmt.Fprintf(t, "%s\t%d\t%s\n", harmless(sources[i]), exitCode(ctx, err), oneLine(message(err)))
		}
	}
	t.Flush()
	fmt.Fprintf(p.Stderr, "spectro: of %d packs %d failed", len(sources), failed)
	if left > 0 {
		fmt.Fprintf(p.Stderr, " and %d were not tried; --continue-on-error goes on", left)
	}
	fmt.Fprintln(p.Stderr)
	return first
}

// pushed is what became of sources, in all forms.
func pushed(results []*push.Result) shown {
	s := shown{value: results, header: []string{"PACK", "STATUS", "REVISION", "DIGEST", "SOURCE"}}
	for _, r := range results {
		revision := "-"
		if r.Revision > 0 {
			revision = strconv.Itoa(r.Revision)
		}
		digest := string(r.Digest)
		if digest == "" {
			digest = "-"
		}
		s.rows = append(s.rows, []string{r.Label(), string(r.Status), revision, digest, r.Source})
		s.names = append(s.names, r.Label())
	}
	return s
}
