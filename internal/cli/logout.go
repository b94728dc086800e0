package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/settings"
	"packregistry/internal/client"
)

func (p *program) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout [SERVER]", Short: "forget a registry and the password for it",
		Long: `Forget a registry: its entry in <home>/config.json, and its password in the credential helper that Docker's config.json
names. Without SERVER it is the default registry. Where it was the default there is none afterwards.`,
		Example: `spectro registry logout packs.example.com`,
		Args:    args(cobra.MaximumNArgs(1)), ValidArgsFunction: complete(p.completeServers),
		RunE: func(cmd *cobra.Command, given []string) error {
			home := p.settingsHome()
			config, err := settings.Load(p.settingsPath())
			if err != nil {
				return err
			}
			server := cmp.Or(append(given, config.Default())...)
			if server == "" {
				return usagef("no server is named, and there is no default registry")
			}
			if _, err := client.ParseAddress(server); err != nil {
				return asUsage(err)
			}
			docker, err := settings.LoadDocker(settings.DockerPath(p.getenv))
			if err != nil {
				return err
			}
			var failed error
			helper := docker.Helper(server)
			if helper != "" {
				failed = helper.Erase(cmd.Context(), server)
			}
			known := false
			if home != "" {
				err = settings.Update(home, func(c *settings.Config) error { known = c.Remove(server); return nil })
			}
			if failed = errors.Join(failed, err); failed != nil {
				return failed
			}
			if !known && helper == "" {
				p.note("there was no login to %s", server)
				return nil
			}
			_, err = fmt.Fprintf(p.Stdout, "Removed the login to %s\n", server)
			return err
		},
	}
}
