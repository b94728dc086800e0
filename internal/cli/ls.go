package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/pack"
)

// lsCommand lists all there is. The server may be the first argument, as in the vendor's examples (contract 2.3).
func (p *program) lsCommand() *cobra.Command {
	var on connection
	var o output
	var name string
	c := &cobra.Command{
		Use: "ls [SERVER]", Aliases: []string{"list"}, Short: "list all packs with their versions and tags",
		Long: `List all packs with their versions, newest first, and the tags that lead to each beside its own.

All of it is as of one instant. --name keeps the packs whose name is, or begins with, what it says; to find packs by words use "spectro pack
search". "--namespace '*'" lists all namespaces. SERVER is the same as --registry-server.`,
		Example: `spectro pack ls
spectro pack ls packs.example.com
spectro pack ls --name nginx
spectro pack ls -o name
spectro pack ls --format '{{.name}} {{.version}} {{.digest}}'`,
		Args: args(cobra.MaximumNArgs(1)), ValidArgsFunction: completeNothing,
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) == 1 {
				if on.server != "" && on.server != given[0] {
					return usagef("two servers are named: %s and %s", given[0], on.server)
				}
				on.server = given[0]
			}
			client, err := p.connect(cmd.Context(), on)
			if err != nil {
				return err
			}
			found := []pack.Version{}
			if _, err := client.Catalogue(cmd.Context(), func(v *pack.Version) error {
				if strings.HasPrefix(v.Name, name) {
					found = append(found, *v)
				}
				return nil
			}); err != nil {
				return err
			}
			if err := o.show(p.Stdout, listed(tagged(found), client.Namespace())); err != nil || len(found) > 0 || o.template != "" || o.form != "table" {
				return err
			}
			_, err = fmt.Fprintln(p.Stderr, nothingIn(client.Namespace(), name))
			return err
		},
	}
	c.Flags().StringVarP(&name, "name", "n", "", "only packs whose name is or begins with `NAME`")
	completeFlag(c, "name", p.completePacks)
	o.flags(c)
	on.flags(c)
	return c
}

// nothingIn says why a list is empty: it may be the wrong namespace.
func nothingIn(namespace, name string) string {
	where := "in the namespace " + namespace
	if namespace == pack.AllNamespaces {
		where = "in any namespace"
	}
	if name != "" {
		return fmt.Sprintf("There is no pack %s whose name begins with %q.", where, name)
	}
	return "There is no pack " + where + "."
}

// tagged orders versions by pack, newest first, and gives each all tags that lead to it: the catalogue has only those set by hand.
func tagged(versions []pack.Version) []pack.Version {
	slices.SortFunc(versions, func(a, b pack.Version) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), pack.CompareVersions(b.Version, a.Version))
	})
	samePack := func(a, b pack.Version) bool { return a.Namespace == b.Namespace && a.Name == b.Name }
	for i := 0; i < len(versions); {
		end := i + 1
		for end < len(versions) && samePack(versions[i], versions[end]) {
			end++
		}
		tagAll(versions[i:end])
		i = end
	}
	return versions
}

// tagAll gives the versions of one pack their tags.
func tagAll(versions []pack.Version) {
	sources := make([]pack.TagSource, len(versions))
	var hand []pack.Tag
	for i, v := range versions {
		sources[i] = pack.TagSource{Version: v.Version, Group: v.Group, Deprecated: v.Deprecated}
		for _, t := range v.Tags {
			hand = append(hand, pack.Tag{Tag: t, Version: v.Version, Kind: pack.TagCustom})
		}
	}
	of := map[string][]string{}
	for _, t := range pack.DeriveTags(sources, hand) {
		of[t.Version] = append(of[t.Version], t.Tag)
	}
	for i := range versions {
		versions[i].Tags = of[versions[i].Version]
	}
}

// listed shows versions, one a row. Namespaces are shown when they are not all the one that was asked for.
func listed(versions []pack.Version, namespace string) shown {
	s := shown{value: versions, header: []string{"NAME", "VERSION", "TAGS", "LAYER", "SIZE", "PUSHED"}}
	for _, v := range versions {
		name := nameIn(v, namespace)
		version := v.Version
		if v.Deprecated {
			version += " (deprecated)"
		}
		s.rows = append(s.rows, []string{name, version, otherTags(v), v.Layer, bytesOf(v.Size), v.PushedAt.UTC().Format(time.DateOnly)})
		s.names = append(s.names, name+":"+v.Version)
	}
	return s
}

// nameIn is how a pack is named where a namespace is understood.
func nameIn(v pack.Version, namespace string) string {
	if v.Namespace == namespace {
		return v.Name
	}
	return v.Namespace + "/" + v.Name
}

// otherTags are the tags that lead to a version beside its own spelling.
func otherTags(v pack.Version) string {
	others := slices.DeleteFunc(slices.Clone(v.Tags), func(t string) bool { return t == v.Version })
	return orDash(strings.Join(others, ", "))
}
