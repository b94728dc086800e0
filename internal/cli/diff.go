package cli

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/compare"
	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// errDiffer is how --exit-code says it.
var errDiffer = errors.New("they differ")

func (p *program) diffCommand() *cobra.Command {
	var on connection
	var o output
	var exitCode bool
	forms := []string{"text", "json", "yaml"}
	c := &cobra.Command{
		Use: "diff PACK[:TAG|@DIGEST]|PATH PACK[:TAG|@DIGEST]|PATH", Short: "show what differs between two versions of a pack",
		Long: `Show what differs between two versions: fields of pack.json, keys of values.yaml that are gone, new, of another type or with another default,
container images (of pack.content.images, and of the keys that charts have for them), and files.

A side may also be a directory or an archive: a PATH is what begins with "." or "/" or ends in .zip, .tar.gz or .tgz. So
"spectro pack diff argo-cd ./argo-cd" shows what a push would change.

In the text, + is new, - is gone and ~ is changed. -o json and yaml have the values whole. The exit code is 0 whether they differ or not; with
--exit-code it is 1 when they do, as of git diff.`,
		Example: `spectro pack diff argo-cd:3.3.5 argo-cd:3.26.7
spectro pack diff argo-cd:latest ./argo-cd --exit-code
spectro pack diff argo-cd:3.3.5 argo-cd:3.26.7 -o json | jq -r '.values[] | select(.change == "removed") | .path'`,
		Args: args(cobra.ExactArgs(2)), ValidArgsFunction: complete(p.completeRefs, p.completeRefs),
		RunE: func(cmd *cobra.Command, given []string) error {
			if !slices.Contains(forms, o.form) {
				return usagef("there is no form %q; -o takes %s", o.form, strings.Join(forms, ", "))
			}
			d := differ{p: p, on: on}
			from, err := d.side(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			to, err := d.side(cmd.Context(), given[1])
			if err != nil {
				return err
			}
			found, err := compare.Sides(*from, *to)
			if err != nil {
				return err
			}
			if o.form == "text" && o.template == "" {
				err = p.colourful(p.Stdout, func(w io.Writer) error { return found.Text(w, bytesOf) })
			} else {
				err = o.show(p.Stdout, shown{value: found})
			}
			if err == nil && exitCode && !found.Same {
				err = quietError{errDiffer}
			}
			return err
		},
	}
	c.Flags().StringVarP(&o.form, "output", "o", "text", "`FORM` of the answer: "+strings.Join(forms, ", "))
	c.Flags().StringVar(&o.template, "format", "", "Go `TEMPLATE` over the JSON form")
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 1 when they differ")
	fixedWords(c, "output", forms)
	on.flags(c)
	return c
}

// differ reads the sides. It asks for a server only where one is needed.
type differ struct {
	p  *program
	on connection
	c  *client.Client
}

func (d *differ) side(ctx context.Context, word string) (*compare.Side, error) {
	if isPath(word) {
		return compare.Local(ctx, word)
	}
	t, err := parseTarget(word)
	if err != nil {
		return nil, err
	}
	if d.c == nil {
		if d.c, err = d.p.connect(ctx, d.on); err != nil {
			return nil, err
		}
	}
	v, err := resolve(ctx, d.c, t)
	if err != nil {
		return nil, err
	}
	side := &compare.Side{Name: nameIn(*v, d.c.Namespace()) + ":" + v.Version, Manifest: v.Manifest}
	if strings.HasPrefix(t.ref, "sha256:") { // of a version that was replaced both sides would have one name
		side.Name += " (" + shortDigest(pack.Digest(t.ref)) + ")"
	}
	if side.Files, err = d.c.Files(ctx, v); err != nil {
		return nil, err
	}
	values, err := d.c.File(ctx, v, "values.yaml")
	if err != nil {
		return nil, err
	}
	defer values.Close()
	side.Values, err = compare.ReadValues(values)
	return side, err
}

// isPath tells files from packs, whose names begin with a letter or digit.
func isPath(word string) bool {
	low := strings.ToLower(word)
	return strings.HasPrefix(word, ".") || filepath.IsAbs(word) || strings.HasSuffix(low, ".zip") || strings.HasSuffix(low, ".tar.gz") || strings.HasSuffix(low, ".tgz")
}
