package cli

import (
	"github.com/spf13/cobra"

	"packregistry/internal/cli/settings"
)

// registryCommand holds all that is done with servers.
func (p *program) registryCommand() *cobra.Command {
	c := group("registry", "log in to registries and list them")
	c.AddCommand(p.loginCommand(), p.logoutCommand(), p.registriesCommand())
	return c
}

// known is a server as registry ls shows it.
type known struct {
	Server   string `json:"server"`
	User     string `json:"user"`
	Default  bool   `json:"default"`
	Insecure bool   `json:"insecure"`
	// Password says where it is: in a file, with a helper, nowhere.
	Password string `json:"password"`
}

func (p *program) registriesCommand() *cobra.Command {
	var o output
	c := &cobra.Command{
		Use: "ls", Short: "list the registries you are logged in to",
		Long: `List the registries that <home>/config.json knows, without asking them. PASSWORD says where it is kept: config.json, the program of
a credential helper, broken where config.json cannot be understood, or - where there is none.`,
		Example: `spectro registry ls
spectro registry ls -o name`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			list, err := p.registries()
			if err != nil {
				return err
			}
			s := shown{value: list, header: []string{"SERVER", "USER", "PASSWORD", "INSECURE", "DEFAULT"}}
			for _, k := range list {
				s.names = append(s.names, k.Server)
				s.rows = append(s.rows, []string{k.Server, orDash(k.User), orDash(k.Password), yesNo(k.Insecure), yesNo(k.Default)})
			}
			return o.show(p.Stdout, s)
		},
	}
	o.flags(c)
	return c
}

// registries lists the servers of config.json. No helper is run for it.
func (p *program) registries() ([]known, error) {
	config, err := settings.Load(p.settingsPath())
	if err != nil {
		return nil, err
	}
	docker, err := settings.LoadDocker(settings.DockerPath(p.getenv))
	if err != nil {
		p.note("%s; going on without it", message(err))
		docker = &settings.Docker{}
	}
	list := []known{}
	for _, s := range config.Servers() {
		account, broken := s.Credentials() // the others are shown none the less
		if broken != nil {
			p.note("%s", message(broken))
		}
		k := known{Server: s.Name, User: account.Username, Insecure: s.Insecure, Default: config.Default() != "" && settings.Same(s.Name, config.Default())}
		switch helper := docker.Helper(s.Name); {
		case broken != nil:
			k.Password = "broken"
		case account.Username != "":
			k.Password = "config.json"
		case helper != "":
			k.Password = helper.Program()
		}
		list = append(list, k)
	}
	return list, nil
}

// completeServers offers the servers of config.json.
func (p *program) completeServers(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	config, err := settings.Load(p.settingsPath())
	if err != nil {
		return completeNothing(cmd, given, begun)
	}
	var names []cobra.Completion
	for _, s := range config.Servers() {
		names = append(names, s.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
