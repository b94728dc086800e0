package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

const (
	// completeWithin bounds how long a press of the tab key may wait for a server.
	completeWithin = 2 * time.Second
	// completeMost bounds how many names are offered.
	completeMost = 1000
)

// complete makes the ValidArgsFunction of a command from what offers words for each argument. The last one is for all further
// arguments too where the command takes any number of them. What goes wrong is silent: nothing is offered.
func complete(each ...cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		i := len(given)
		if strings.HasSuffix(cmd.Use, "...") {
			i = min(i, len(each)-1)
		}
		if i >= len(each) {
			return completeNothing(cmd, given, begun)
		}
		return each[i](cmd, given, begun)
	}
}

// completeNothing is for words that only the caller knows.
func completeNothing(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completeFiles leaves it to the shell.
func completeFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// completeFolders leaves it to the shell.
func completeFolders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completePacks offers the names of packs.
func (p *program) completePacks(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return p.offer(cmd, begun, packNames)
}

// completeRefs offers the names of packs and, after a colon, versions and tags.
func (p *program) completeRefs(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return p.offer(cmd, begun, afterColon(func(found *client.Pack) []cobra.Completion {
		all := []cobra.Completion{cobra.CompletionWithDesc("latest", found.Latest)}
		for _, v := range found.Versions {
			all = append(all, cobra.CompletionWithDesc(v.Version, "pushed "+v.PushedAt.Format(time.DateOnly)))
		}
		for _, t := range found.Tags {
			if t.Tag != t.Version {
				all = append(all, cobra.CompletionWithDesc(t.Tag, t.Version))
			}
		}
		return all
	}))
}

// completeTags offers the names of packs and, after a colon, the tags that may be deleted.
func (p *program) completeTags(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return p.offer(cmd, begun, afterColon(func(found *client.Pack) []cobra.Completion {
		var all []cobra.Completion
		for _, t := range found.Tags {
			if t.Kind == pack.TagCustom {
				all = append(all, cobra.CompletionWithDesc(t.Tag, t.Version))
			}
		}
		return all
	}))
}

// completePaths offers the files of the version that the first argument names.
func (p *program) completePaths(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	t, err := parseTarget(given[0])
	if err != nil {
		return completeNothing(cmd, given, begun)
	}
	if t.ref == "" {
		t.ref = "latest"
	}
	return p.offer(cmd, "", func(ctx context.Context, c *client.Client, _ string) ([]cobra.Completion, error) {
		c = t.at(c)
		v, err := c.Version(ctx, t.name, t.ref)
		if err != nil {
			return nil, err
		}
		list, err := c.Files(ctx, v)
		var paths []cobra.Completion
		for _, f := range list {
			if strings.HasPrefix(f.Path, begun) {
				paths = append(paths, f.Path)
			}
		}
		return paths, err
	})
}

// finder finds words that begin as a text does, or some more.
type finder func(ctx context.Context, c *client.Client, begun string) ([]cobra.Completion, error)

// afterColon finds names of packs and, after the colon, what refs gives for the pack.
func afterColon(refs func(*client.Pack) []cobra.Completion) finder {
	return func(ctx context.Context, c *client.Client, begun string) ([]cobra.Completion, error) {
		name, _, colon := strings.Cut(begun, ":")
		if !colon {
			return packNames(ctx, c, begun)
		}
		found, err := c.Pack(ctx, name)
		if err != nil {
			return nil, err
		}
		all := refs(found)
		for i := range all {
			all[i] = name + ":" + all[i]
		}
		return all, nil
	}
}

// offer asks the server that the command line names, quickly and once, and keeps what begins as the word does. A namespace
// in front of the name is taken off before find is called and put back after.
func (p *program) offer(cmd *cobra.Command, begun string, find finder) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, stop := context.WithTimeout(cmd.Context(), completeWithin)
	defer stop()
	c, err := p.connect(ctx, connectionOf(cmd))
	if err != nil {
		return completeNothing(cmd, nil, begun)
	}
	c = c.Hasty()
	before, name := "", begun
	if i := strings.LastIndexByte(begun, '/'); i >= 0 {
		before, name = begun[:i+1], begun[i+1:]
		c = c.In(begun[:i])
	}
	found, err := find(ctx, c, name)
	if err != nil {
		return completeNothing(cmd, nil, begun)
	}
	var offered []cobra.Completion
	for _, f := range found {
		if strings.HasPrefix(before+f, begun) {
			offered = append(offered, strings.Map(harmlessInText, before+f)) // a shell shows them
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}

// connectionOf reads the flags of a connection from any command.
func connectionOf(cmd *cobra.Command) connection {
	var c connection
	if f := cmd.Flags().Lookup("registry-server"); f != nil {
		c.server = f.Value.String()
	}
	return c
}

// packNames lists the names that begin with a text, with their titles.
func packNames(ctx context.Context, c *client.Client, begin string) ([]cobra.Completion, error) {
	q := client.Query{Sort: "name", Limit: completeMost}
	if strings.Trim(begin, "-_.") != "" {
		q.Text = begin // the search knows beginnings of words; offer drops what is only alike
	}
	page, err := c.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	names := make([]cobra.Completion, 0, len(page.Items))
	for _, v := range page.Items {
		names = append(names, cobra.CompletionWithDesc(v.Name, v.DisplayName))
	}
	return names, nil
}

// fixedWords completes a flag, which the command must have, with words that are always the same.
func fixedWords(c *cobra.Command, flag string, words []string) {
	completeFlag(c, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// completeFlag completes a flag, which the command must have.
func completeFlag(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // every command is made at every start, so that no release has such a mistake
	}
}

// completeFlags completes the flags that every command has under the same name.
func (p *program) completeFlags(cmd *cobra.Command) {
	for name, f := range map[string]cobra.CompletionFunc{"home": completeFolders, "registry-server": p.completeServers} {
		if cmd.Flags().Lookup(name) == nil && cmd.PersistentFlags().Lookup(name) == nil {
			continue
		}
		completeFlag(cmd, name, f)
	}
	for _, below := range cmd.Commands() {
		p.completeFlags(below)
	}
}
