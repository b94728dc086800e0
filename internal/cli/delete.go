package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// deleteCommand has no counterpart in the vendor's tool.
func (p *program) deleteCommand() *cobra.Command {
	var on connection
	var yes, all bool
	c := &cobra.Command{
		Use: "delete PACK:VERSION", Aliases: []string{"rm"}, Short: "delete a version of a pack, or all of them",
		Long: `Delete a version, spelt as pack.json spells it, with the contents it had before and the tags added by hand that lead to it. With --all delete a
pack with all its versions.

On a terminal it asks first; elsewhere it wants --yes. Digests of what is deleted do not answer any more, and there is no way back but to push again. If
the version's content has moved between the question and the answer, nothing is deleted.

To delete a tag and keep the version use "spectro pack tag delete".`,
		Example: `spectro pack delete nginx:1.16.1
spectro pack delete nginx:1.16.1 --yes
spectro pack delete nginx --all --yes`,
		Args: args(cobra.ExactArgs(1)), ValidArgsFunction: complete(p.completeRefs),
		RunE: func(cmd *cobra.Command, given []string) error {
			t, err := parseTarget(given[0])
			if err != nil {
				return err
			}
			switch {
			case all && t.ref != "":
				return usagef("--all deletes all of %s, not %s", t.name, t.ref)
			case !all && t.ref == "":
				return usagef("say which version: %s:VERSION, or --all for the whole pack", given[0])
			case strings.HasPrefix(t.ref, "sha256:"):
				return usagef("a version is deleted by its name, %s:VERSION", t.name)
			case !yes && !isTerminal(p.Stdin):
				return usagef("nobody is there to be asked; give --yes to delete %s", given[0])
			}
			c, err := p.connect(cmd.Context(), on)
			if err != nil {
				return err
			}
			if all {
				return p.deletePack(cmd.Context(), t.at(c), t.name, yes)
			}
			return p.deleteVersion(cmd.Context(), c, t, yes)
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&all, "all", false, "delete the pack with all its versions")
	on.flags(c)
	return c
}

func (p *program) deletePack(ctx context.Context, c *client.Client, name string, yes bool) error {
	if !yes {
		found, err := c.Pack(ctx, name)
		if err != nil {
			return near(ctx, c, name, err)
		}
		var versions []string
		for _, v := range found.Versions {
			versions = append(versions, v.Version)
		}
		if err := p.sure(ctx, fmt.Sprintf("Delete %s with %s (%s)?", name, count(len(versions), "version"), strings.Join(versions, ", "))); err != nil {
			return err
		}
	}
	if err := c.DeletePack(ctx, name); err != nil {
		return near(ctx, c, name, err)
	}
	_, err := fmt.Fprintf(p.Stderr, "%s is deleted with all its versions.\n", name)
	return err
}

func (p *program) deleteVersion(ctx context.Context, c *client.Client, t target, yes bool) error {
	v, err := resolve(ctx, c, t)
	if err != nil {
		return err
	}
	if v.Version != t.ref {
		return usagef("%s is a tag that leads to %s; delete that, or the tag with: spectro pack tag delete %s:%s", t.ref, v.Version, t.name, t.ref)
	}
	if !yes {
		question := fmt.Sprintf("Delete %s:%s, pushed by %s on %s?", v.Name, v.Version, orDash(oneLine(v.PushedBy)), v.PushedAt.UTC().Format("2006-01-02"))
		if err := p.sure(ctx, question); err != nil {
			return err
		}
	}
	// What was shown is what goes: the digest must still be the same.
	err = t.at(c).DeleteVersion(ctx, v.Name, v.Version, v.Digest)
	if pack.IsKind(err, pack.KindPrecondition) {
		return pack.Wrap(pack.KindConflict, err, "the content of %s:%s has moved meanwhile; look at it again before you delete it", v.Name, v.Version)
	}
	if err != nil {
		return near(ctx, t.at(c), t.name, err)
	}
	_, err = fmt.Fprintf(p.Stderr, "%s:%s is deleted.\n", v.Name, v.Version)
	return err
}

// sure asks, and is an error when the answer is not yes.
func (p *program) sure(ctx context.Context, question string) error {
	answer, err := p.ask(ctx, question+" [y/N] ", false)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was deleted")
}
