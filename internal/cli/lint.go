package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/lint"
	"packregistry/internal/pack"
	"packregistry/internal/pack/rules"
)

// lintOptions are the flags of pack lint.
type lintOptions struct {
	form        string
	strict, fix bool
	explain     string
}

// lintCommand checks packs without a server.
func (p *program) lintCommand() *cobra.Command {
	var o lintOptions
	c := &cobra.Command{
		Use: "lint DIR|ARCHIVE...", Short: "check packs with the server's own rules, offline",
		Long: `Check pack directories and archives (zip or tar.gz) with the rules a server applies at an upload, without a server.

Of a directory it looks at the archive that "pack push" would make of it, .packignore included. Findings are errors, which a server refuses; warnings,
which it keeps and shows; and infos. Each names its rule; "--explain RULE" says why the rule is there and how to mend what breaks it, and so does
docs/rules.md.

The report is for people (text), for programs (json), for code scanning (sarif, version 2.1.0; run it at the root of the repository) or for annotations of GitHub
Actions (github).

--fix mends in directories what can be mended without changing what the pack means, then checks again: byte order marks, UTF-16, blanks in
lists of files, backslashes in paths, a logo.png that is really a JPEG or GIF. It tells what it changed; all else is yours to decide.

The exit code is 0 when all packs are valid and 7 when one is not, or with --strict has warnings.`,
		Example: `spectro pack lint packs/nginx-1.0.0
spectro pack lint --strict -o github packs/*
spectro pack lint -o sarif packs/* > lint.sarif
spectro pack lint --fix packs/nginx-1.0.0
spectro pack lint --explain path-missing`,
		ValidArgsFunction: complete(completeFiles),
		RunE: func(cmd *cobra.Command, paths []string) error {
			switch {
			case !slices.Contains(lint.Forms(), o.form):
				return usagef("there is no form %q; -o takes %s", o.form, strings.Join(lint.Forms(), ", "))
			case o.explain != "" && len(paths) > 0:
				return usagef("--explain takes a rule and no packs")
			case o.explain != "":
				return p.explain(o.explain)
			case len(paths) == 0:
				return usagef("no pack is given; it is called as: %s", cmd.UseLine())
			}
			return p.lint(cmd.Context(), o, paths)
		},
	}
	c.Flags().StringVarP(&o.form, "output", "o", "text", "`FORM` of the report: "+strings.Join(lint.Forms(), ", "))
	c.Flags().BoolVar(&o.strict, "strict", false, "fail on warnings too")
	c.Flags().BoolVar(&o.fix, "fix", false, "mend what is safe to mend, in directories")
	c.Flags().StringVar(&o.explain, "explain", "", "explain a `RULE`, such as path-missing")
	for flag, words := range map[string][]string{"output": lint.Forms(), "explain": ruleIDs()} {
		fixedWords(c, flag, words)
	}
	return c
}

// lint looks at all packs, writes one report over them, and fails when one is not good enough.
func (p *program) lint(ctx context.Context, o lintOptions, paths []string) error {
	l, err := lint.New()
	if err != nil {
		return err
	}
	for _, path := range paths {
		if info, err := os.Stat(path); o.fix && err == nil && !info.IsDir() {
			return usagef("%s is an archive; --fix mends directories only", path)
		}
	}
	var results []*lint.Result
	var failure error
	for _, path := range paths {
		r, err := l.Lint(ctx, path)
		if err == nil && o.fix && r.Dir {
			r, err = l.Fix(ctx, r)
		}
		if err != nil {
			return err
		}
		results = append(results, r)
		failure = worse(failure, verdictOf(r, o.strict))
	}
	if err := p.colourful(p.Stdout, func(w io.Writer) error { return lint.Write(w, o.form, results, p.Version) }); err != nil {
		return err
	}
	if o.form != "text" {
		fmt.Fprintln(p.Stderr, lint.Summary(results))
	}
	if failure != nil {
		return quietError{failure}
	}
	return nil
}

// verdictOf is the error of a pack that is not good enough.
func verdictOf(r *lint.Result, strict bool) error {
	switch {
	case r.Err != nil:
		return r.Err
	case !r.Valid, strict && r.Count(pack.SeverityWarning) > 0:
		return pack.Errorf(pack.KindBadPack, "pack_invalid", "%s is not good enough", r.Path)
	}
	return nil
}

// worse keeps what matters more: that something could not be looked at at all before that it is bad.
func worse(a, b error) error {
	bad := func(err error) bool { var e *pack.Error; return errors.As(err, &e) && e.Kind == pack.KindBadPack }
	if a == nil || (b != nil && bad(a) && !bad(b)) {
		return b
	}
	return a
}

// explain prints the text of a rule.
func (p *program) explain(id string) error {
	all, err := rules.All()
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.ID == id {
			_, err := fmt.Fprintf(p.Stdout, "%s (%s): %s\n\n%s\n", r.ID, r.Severity, r.Headline, r.Text)
			return err
		}
	}
	return usagef("there is no rule %q; all are listed in %s", id, rules.Page)
}

func ruleIDs() []string {
	all, err := rules.All()
	if err != nil {
		return nil // the command itself will say so
	}
	ids := make([]string, len(all))
	for i, r := range all {
		ids[i] = r.ID
	}
	return ids
}
