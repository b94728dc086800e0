package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/client"
)

func (p *program) consumersCommand() *cobra.Command {
	var on connection
	var o output
	c := &cobra.Command{
		Use: "consumers", Short: "list who reads the change feed, how far, and what they lack",
		Long: `List the mirrors and other programs that read the registry's change feed with an account: how far each has read, when it was seen last, and what
it lacks. An administrator sees all of them, others their own. Several consumers of one account are told apart by the names that they give
themselves (?consumer= of the API, --consumer of sync watch).`,
		Example: `spectro sync consumers
spectro sync consumers -o json
spectro sync consumers --format '{{.account}} {{.lagChanges}}'`,
		Args: args(cobra.NoArgs), ValidArgsFunction: completeNothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect(cmd.Context(), on)
			if err != nil {
				return err
			}
			list, err := c.Consumers(cmd.Context())
			if err != nil {
				return err
			}
			if err := o.show(p.Stdout, consumersShown(list, time.Now())); err != nil || len(list) > 0 || o.template != "" || o.form != "table" {
				return err
			}
			_, err = fmt.Fprintln(p.Stderr, "Nobody has read the change feed with an account.")
			return err
		},
	}
	o.flags(c)
	on.flags(c)
	return c
}

// consumersShown are consumers in all forms.
func consumersShown(list []client.Consumer, now time.Time) shown {
	s := shown{value: list, header: []string{"ACCOUNT", "CONSUMER", "NAMESPACE", "SEEN", "LACKS", "NEXT"}}
	if list == nil {
		s.value = []client.Consumer{}
	}
	for _, c := range list {
		lacks, next := strconv.Itoa(c.LagChanges), "-"
		switch {
		case c.Gone:
			lacks, next = "all", "begins again"
		case len(c.Lacks) > 0:
			first := c.Lacks[0]
			next = string(first.Type) + " " + first.Name + ":" + first.Version
		}
		s.rows = append(s.rows, []string{c.Account, orDash(c.Consumer), c.Namespace, max(now.Sub(c.SeenAt), 0).Round(time.Second).String() + " ago", lacks, next})
		s.names = append(s.names, c.Account+"/"+c.Consumer)
	}
	return s
}
