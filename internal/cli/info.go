package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// info is a version with what surrounds it, as -o json shows it: the version document of the REST face, and more.
type info struct {
	pack.Version
	Latest   string        `json:"latest"`
	Files    []pack.File   `json:"files"`
	Versions []infoVersion `json:"versions"`
}

// infoVersion is a version of the same pack.
type infoVersion struct {
	Version    string      `json:"version"`
	Tags       []string    `json:"tags"`
	Digest     pack.Digest `json:"digest"`
	Size       int64       `json:"size"`
	Revision   int         `json:"revision"`
	Deprecated bool        `json:"deprecated"`
	PushedAt   time.Time   `json:"pushedAt"`
}

func (p *program) infoCommand() *cobra.Command {
	var on connection
	var o output
	c := &cobra.Command{
		Use: "info PACK[:TAG|@DIGEST]", Aliases: []string{"show"}, Short: "show a version: metadata, tags, files, warnings, and its sisters",
		Long: `Show what the registry knows of a version (the latest, where no tag is given): metadata, tags, digests, files, what was odd about it when it was
pushed, and the other versions of the pack.

-o json and yaml give the version document of the REST API with "files", "versions" and "latest" added; "manifest" in it is pack.json.`,
		Example: `spectro pack info argo-cd
spectro pack info argo-cd:3.26.x
spectro pack info argo-cd:3.26.7 --format '{{.digest}}'
spectro pack info argo-cd:3.26.7 -o json | jq .manifest.constraints`,
		Args: args(cobra.ExactArgs(1)), ValidArgsFunction: complete(p.completeRefs),
		RunE: func(cmd *cobra.Command, given []string) error {
			t, err := parseTarget(given[0])
			if err != nil {
				return err
			}
			c, err := p.connect(cmd.Context(), on)
			if err != nil {
				return err
			}
			v, err := resolve(cmd.Context(), c, t)
			if err != nil {
				return err
			}
			files, err := c.Files(cmd.Context(), v)
			if err != nil {
				return err
			}
			all, err := t.at(c).Pack(cmd.Context(), t.name)
			if err != nil {
				return err
			}
			found := infoOf(v, files, all)
			if o.template == "" && o.form == "table" {
				return found.write(p.Stdout)
			}
			return o.show(p.Stdout, shown{value: found, names: []string{nameIn(*v, c.Namespace()) + ":" + v.Version}})
		},
	}
	o.flags(c)
	on.flags(c)
	return c
}

func infoOf(v *pack.Version, files []pack.File, all *client.Pack) *info {
	found := &info{Version: *v, Latest: all.Latest, Files: files, Versions: []infoVersion{}}
	for _, other := range all.Versions {
		found.Versions = append(found.Versions, infoVersion{
			Version: other.Version, Tags: other.Tags, Digest: other.Digest, Size: other.Size,
			Revision: other.Revision, Deprecated: other.Deprecated, PushedAt: other.PushedAt,
		})
	}
	return found
}

// write writes it for people.
func (i *info) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	line := func(cells ...string) { fmt.Fprintln(t, row(cells)) } // Flush tells what went wrong
	for _, f := range i.facts() {
		if f.value != "" {
			line(f.name, f.value)
		}
	}
	line()
	line("VERSION", "TAGS", "SIZE", "PUSHED", "DIGEST")
	for _, v := range i.Versions {
		others := slices.DeleteFunc(slices.Clone(v.Tags), func(tag string) bool { return tag == v.Version })
		line(v.Version, orDash(strings.Join(others, ", ")), bytesOf(v.Size), v.PushedAt.UTC().Format(time.DateOnly), shortDigest(v.Digest))
	}
	line()
	line("FILE", "SIZE", "SHA256")
	for _, f := range i.Files {
		line(f.Path, bytesOf(f.Size), f.SHA256[:min(len(f.SHA256), 12)])
	}
	if err := t.Flush(); err != nil || len(i.Warnings) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	writeFindings(w, i.Warnings)
	return nil
}

type fact struct{ name, value string }

// facts are what there is to say of the version; empty ones are left out.
func (i *info) facts() []fact {
	v := &i.Version
	facts := []fact{
		{"name", v.Name},
		{"version", v.Version},
		{"title", oneLine(v.DisplayName)},
		{"namespace", v.Namespace},
		{"layer", v.Layer},
		{"type", oneLine(v.AddonType)},
		{"clouds", oneLine(strings.Join(v.CloudTypes, ", "))},
		{"group", v.Group},
		{"end of life", oneLine(v.EOL)},
	}
	if v.Deprecated {
		facts = append(facts, fact{"deprecated", "yes"})
	}
	revision := ""
	if v.Revision > 1 {
		revision = strconv.Itoa(v.Revision)
	}
	facts = append(facts, fact{"tags", strings.Join(v.Tags, ", ")}, fact{"digest", string(v.Digest)}, fact{"content", v.ContentDigest},
		fact{"size", fmt.Sprintf("%s in %s", bytesOf(v.Size), count(len(i.Files), "file"))}, fact{"revision", revision},
		fact{"pushed", v.PushedAt.UTC().Format(time.RFC3339) + " by " + cmp.Or(oneLine(v.PushedBy), "-")}, fact{"message", oneLine(v.Message)})
	for _, key := range slices.Sorted(maps.Keys(v.Annotations)) {
		facts = append(facts, fact{"annotation " + oneLine(key), oneLine(v.Annotations[key])})
	}
	return facts
}
