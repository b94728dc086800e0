package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// searchPage is the most rows asked for at once.
const searchPage = 200

func (p *program) searchCommand() *cobra.Command {
	var on connection
	var o output
	var q client.Query
	var deprecated bool
	var limit int
	c := &cobra.Command{
		Use: "search [WORDS...]", Short: "find packs by words and by what they are",
		Long: `Find packs: one row a pack, with its newest version. Without words it lists all packs by name.

Words are looked for in names, titles, descriptions and READMEs; the last may be a beginning, and one wrong letter in a name is forgiven. A filter
may be given several times or with a list, and then takes any of its values; several filters must all hold.

--facets counts the values of the filters among all packs found: below the table, or with -o json and yaml as an object of "items", "facets" and "total".`,
		Example: `spectro pack search argo
spectro pack search metrics --layer addon --addon-type monitoring,logging
spectro pack search --source community --sort updated --limit 10
spectro pack search --facets --limit 1
spectro pack search nginx -o name`,
		ValidArgsFunction: completeNothing,
		RunE: func(cmd *cobra.Command, words []string) error {
			q.Text, q.Facets = strings.Join(words, " "), q.Facets && o.form != "name" && o.template == ""
			if cmd.Flags().Changed("deprecated") {
				q.Deprecated = &deprecated
			}
			if limit < 0 {
				return usagef("--limit must not be negative")
			}
			if sorts := []string{"", "relevance", "name", "updated"}; !slices.Contains(sorts, q.Sort) {
				return usagef("packs are not sorted by %q; --sort takes relevance, name or updated", q.Sort)
			}
			c, err := p.connect(cmd.Context(), on)
			if err != nil {
				return err
			}
			found := client.Page{Items: []pack.Version{}}
			for next := true; next && (limit == 0 || len(found.Items) < limit); next = q.Cursor != "" {
				q.Limit = searchPage
				if limit > 0 {
					q.Limit = min(searchPage, limit-len(found.Items))
				}
				page, err := c.Search(cmd.Context(), q)
				if err != nil {
					return err
				}
				if q.Facets {
					found.Facets, found.Total, found.Estimated = page.Facets, page.Total, page.Estimated
				}
				if len(page.Items) == 0 && page.Next != "" {
					return &client.NetworkError{Server: c.Server(), Reason: "it answers with empty pages and no end; is this a pack registry?"}
				}
				found.Items = append(found.Items, page.Items...)
				q.Cursor, q.Facets, found.Next = page.Next, false, page.Next
			}
			return p.showFound(&o, &found, c.Namespace())
		},
	}
	f := c.Flags()
	f.StringSliceVar(&q.Layers, "layer", nil, "only packs of a `LAYER`: kernel, os, k8s, cni, csi or addon")
	f.StringSliceVar(&q.AddonTypes, "addon-type", nil, "only packs of a `TYPE`, such as monitoring")
	f.StringSliceVar(&q.CloudTypes, "cloud-type", nil, "only packs for a `CLOUD`, such as aws, or all")
	f.StringSliceVar(&q.Sources, "source", nil, "only packs of a `SOURCE` (the annotation), such as community")
	f.BoolVar(&deprecated, "deprecated", false, "only packs whose newest version is deprecated; =false is only others (default both)")
	f.StringVar(&q.Sort, "sort", "", "`ORDER`: relevance, name or updated (default relevance where there are words, else name)")
	f.IntVar(&limit, "limit", 50, "show at most `N` packs; 0 is all")
	f.BoolVar(&q.Facets, "facets", false, "count the values of the filters")
	for flag, words := range map[string][]string{"layer": {"kernel", "os", "k8s", "cni", "csi", "addon"}, "sort": {"relevance", "name", "updated"}} {
		fixedWords(c, flag, words)
	}
	o.flags(c)
	on.flags(c)
	return c
}

// showFound shows a search. What a table leaves out is said on stderr.
func (p *program) showFound(o *output, found *client.Page, namespace string) error {
	s := shown{value: found.Items, header: []string{"NAME", "VERSION", "LAYER", "TYPE", "TITLE"}}
	for _, v := range found.Items {
		name := nameIn(v, namespace)
		version := v.Version
		if v.Deprecated {
			version += " (deprecated)"
		}
		s.rows = append(s.rows, []string{name, version, v.Layer, orDash(oneLine(v.AddonType)), orDash(oneLine(v.DisplayName))})
		s.names = append(s.names, name)
	}
	if found.Facets != nil {
		s.value = struct {
			Items     []pack.Version                 `json:"items"`
			Facets    map[string][]client.FacetValue `json:"facets"`
			Total     int                            `json:"total"`
			Estimated bool                           `json:"estimated"`
		}{found.Items, found.Facets, found.Total, found.Estimated}
	}
	if err := o.show(p.Stdout, s); err != nil {
		return err
	}
	if o.template != "" || o.form != "table" {
		return nil
	}
	if err := p.showFacets(found); err != nil {
		return err
	}
	switch {
	case len(found.Items) == 0:
		fmt.Fprintln(p.Stderr, "No pack matches.")
	case found.Next != "":
		fmt.Fprintf(p.Stderr, "There are more than these %d; --limit 0 shows all.\n", len(found.Items))
	}
	return nil
}

// showFacets writes the counts, a line for each filter.
func (p *program) showFacets(found *client.Page) error {
	if found.Facets == nil {
		return nil
	}
	about := ""
	if found.Estimated {
		about = "at least "
	}
	if _, err := fmt.Fprintf(p.Stdout, "\n%s%s\n", about, count(found.Total, "pack")); err != nil {
		return err
	}
	for _, filter := range []string{"layer", "addonType", "cloudType", "source", "deprecated"} {
		var parts []string
		for _, v := range found.Facets[filter] {
			value := oneLine(v.Value)
			if value == "" {
				value = "none"
			}
			parts = append(parts, fmt.Sprintf("%s %d", value, v.Count))
		}
		if _, err := fmt.Fprintf(p.Stdout, "%-10s  %s\n", filter, orDash(strings.Join(parts, ", "))); err != nil {
			return err
		}
	}
	return nil
}
