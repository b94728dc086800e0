package cli

import (
	"errors"
	"io"

	"github.com/spf13/cobra"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"

	"packregistry/internal/pack"
)

func (p *program) catCommand() *cobra.Command {
	var on connection
	c := &cobra.Command{
		Use: "cat PACK[:TAG|@DIGEST] PATH", Short: "write one file of a pack to stdout",
		Long: `Write one file of a version to stdout, byte for byte, without moving the rest of the pack. Without a tag it is of the latest version.
On a terminal control characters are replaced.

PATH is as "spectro pack info" lists it: below the pack's root, with slashes.`,
		Example: `spectro pack cat argo-cd:3.26.7 values.yaml
spectro pack cat argo-cd pack.json | jq .constraints
spectro pack cat argo-cd:3.26.7 logo.png > logo.png`,
		Args: args(cobra.ExactArgs(2)), ValidArgsFunction: complete(p.completeRefs, p.completePaths),
		RunE: func(cmd *cobra.Command, given []string) error {
			t, err := parseTarget(given[0])
			if err != nil {
				return err
			}
			if given[1] == "" {
				return usagef("no path is given; it is called as: %s", cmd.UseLine())
			}
			c, err := p.connect(cmd.Context(), on)
			if err != nil {
				return err
			}
			v, err := resolve(cmd.Context(), c, t)
			if err != nil {
				return err
			}
			file, err := c.File(cmd.Context(), v, given[1])
			if err != nil {
				return noFile(v, given[1], err)
			}
			defer file.Close()
			if isTerminal(p.Stdout) {
				return onTerminal(p.Stdout, file)
			}
			_, err = io.Copy(p.Stdout, file)
			return err
		},
	}
	on.flags(c)
	return c
}

// onTerminal shows a file to people: what a terminal would act on does not reach it.
func onTerminal(w io.Writer, file io.Reader) error {
	t := transform.NewWriter(w, runes.Map(func(r rune) rune {
		if r == '\r' {
			return ' ' // it ends lines of some files, and hides those before it in others
		}
		return harmlessInText(r)
	}))
	_, err := io.Copy(t, file)
	return errors.Join(err, t.Close())
}

// noFile says where the paths are.
func noFile(v *pack.Version, path string, err error) error {
	if !pack.IsKind(err, pack.KindNotFound) {
		return err
	}
	return pack.Wrap(pack.KindNotFound, err, "%s:%s has no file %q; spectro pack info %s:%s lists them", v.Name, v.Version, path, v.Name, v.Version)
}
