package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// tagCommand holds what is done with tags.
func (p *program) tagCommand() *cobra.Command {
	c := group("tag", "add, delete and list tags of packs")
	c.Long = `Add, delete and list tags of packs.

A tag is LABEL or GROUP__LABEL and leads to a version. A version's own tag and the parent tags of its lines (1.16.x, 1.x) are made by the
registry: they follow from the versions and are neither added nor deleted by hand.`
	c.AddCommand(p.tagAddCommand(), p.tagDeleteCommand(), p.tagListCommand())
	return c
}

func (p *program) tagAddCommand() *cobra.Command {
	var on connection
	var tagGroup string
	c := &cobra.Command{
		Use: "add SOURCE_PACK:TAG TARGET_LABEL", Short: "let a tag lead to a version",
		Long: `Let a tag lead to the version that SOURCE_PACK:TAG means now. TAG is a version, another tag or latest.

The new tag is TARGET_LABEL, or GROUP__TARGET_LABEL with --group. If there is a tag of that name already, it leads to this version from
now on. It does not follow when SOURCE_PACK:TAG moves later.`,
		Example: `spectro pack tag add nginx:1.16.1 stable
spectro pack tag add ubuntu:20.04 focal --group LTS`,
		Args: args(cobra.ExactArgs(2)), ValidArgsFunction: complete(p.completeRefs, completeNothing),
		RunE: func(cmd *cobra.Command, given []string) error {
			t, err := parseTarget(given[0])
			if err != nil {
				return err
			}
			if t.ref == "" {
				return usagef("say which version of %s is meant: %s:TAG", t.name, given[0])
			}
			tag, err := newTag(tagGroup, given[1])
			if err != nil {
				return err
			}
			client, err := p.connect(cmd.Context(), on)
			if err != nil {
				return err
			}
			v, err := resolve(cmd.Context(), client, t)
			if err != nil {
				return err
			}
			if _, err := t.at(client).SetTag(cmd.Context(), t.name, tag, v.Version); err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.Stderr, "The tag %s of %s leads to %s.\n", tag, t.name, v.Version)
			return err
		},
	}
	c.Flags().StringVarP(&tagGroup, "group", "g", "", "`GROUP` of the tag, such as LTS")
	on.flags(c)
	return c
}

// newTag is the tag of a group ("" is none) and a label, which may name the group itself. Its error is a usage error.
func newTag(tagGroup, label string) (string, error) {
	tag := label
	if tagGroup != "" {
		if g, _ := pack.SplitTag(label); g != "" && g != tagGroup {
			return "", usagef("the label %s names the group %s and --group names %s; name one", label, g, tagGroup)
		} else if g == "" {
			tag = pack.OwnTag(label, tagGroup)
		}
	}
	if err := pack.ValidateTag(tag); err != nil {
		return "", usagef("%s", message(err))
	}
	return tag, nil
}

func (p *program) tagDeleteCommand() *cobra.Command {
	var on connection
	c := &cobra.Command{
		Use: "delete PACK:TAG", Aliases: []string{"rm"}, Short: "delete a tag that was added by hand",
		Long: `Delete a tag that was added by hand, as LABEL or GROUP__LABEL. The version it leads to stays.

A version's own tag goes with the version (spectro pack delete), a parent tag (1.16.x) with the last version of its line.`,
		Example: `spectro pack tag delete nginx:stable
spectro pack tag delete ubuntu:LTS__focal`,
		Args: args(cobra.ExactArgs(1)), ValidArgsFunction: complete(p.completeTags),
		RunE: func(cmd *cobra.Command, given []string) error {
			t, err := parseTarget(given[0])
			if err != nil {
				return err
			}
			if t.ref == "" || strings.HasPrefix(t.ref, "sha256:") {
				return usagef("say which tag of %s is meant: %s:TAG", t.name, t.name)
			}
			client, err := p.connect(cmd.Context(), on)
			if err != nil {
				return err
			}
			if err := t.at(client).DeleteTag(cmd.Context(), t.name, t.ref); err != nil {
				return ownTag(cmd.Context(), t.at(client), t, near(cmd.Context(), t.at(client), t.name, err))
			}
			_, err = fmt.Fprintf(p.Stderr, "The tag %s of %s is deleted.\n", t.ref, t.name)
			return err
		},
	}
	on.flags(c)
	return c
}

// ownTag adds to the error of a tag that follows from the versions how to delete the version, where the tag is one's own. The
// vendor's documentation deletes versions so (palette-contract 2.7); here that would take contents away without a question.
func ownTag(ctx context.Context, c *client.Client, t target, err error) error {
	var known *pack.Error
	if !errors.As(err, &known) || known.Code != "tag_derived" {
		return err
	}
	v, lost := c.Version(ctx, t.name, t.ref)
	if lost != nil || t.ref != v.Version && t.ref != pack.OwnTag(v.Version, v.Group) {
		return err
	}
	if t.namespace != "" {
		t.name = t.namespace + "/" + t.name
	}
	told := *known
	told.Message = fmt.Sprintf("the tag %s is the version's own and goes with it; to delete the version: spectro pack delete %s:%s", t.ref, t.name, v.Version)
	return &told
}

func (p *program) tagListCommand() *cobra.Command {
	var on connection
	var o output
	c := &cobra.Command{
		Use: "ls PACK", Aliases: []string{"list"}, Short: "list the tags of a pack",
		Long: `List the tags of a pack and the versions they lead to. The kind is "version" for a version's own tag, "parent" for that of a line, "custom" for
one that was added by hand.`,
		Example: `spectro pack tag ls nginx
spectro pack tag ls nginx -o json`,
		Args: args(cobra.ExactArgs(1)), ValidArgsFunction: complete(p.completePacks),
		RunE: func(cmd *cobra.Command, given []string) error {
			t, err := parseTarget(given[0])
			if err != nil {
				return err
			}
			if t.ref != "" {
				return usagef("tags are listed of a pack: %s", t.name)
			}
			client, err := p.connect(cmd.Context(), on)
			if err != nil {
				return err
			}
			found, err := t.at(client).Pack(cmd.Context(), t.name)
			if err != nil {
				return near(cmd.Context(), t.at(client), t.name, err)
			}
			s := shown{value: found.Tags, header: []string{"TAG", "VERSION", "KIND"}}
			for _, tag := range found.Tags {
				s.rows = append(s.rows, []string{tag.Tag, tag.Version, tag.Kind})
				s.names = append(s.names, tag.Tag)
			}
			return o.show(p.Stdout, s)
		},
	}
	o.flags(c)
	on.flags(c)
	return c
}
