package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/settings"
	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// connection are the flags that say which server is meant.
type connection struct{ server string }

func (c *connection) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.server, "registry-server", "r", "", "`SERVER` as given to login (SPECTRO_REGISTRY_SERVER; default the default registry)")
}

// connect makes the client of the server that is meant: the flag's, the environment's or the default registry. Its account
// comes from the environment, from login, or from Docker's login, whichever is first there.
func (p *program) connect(ctx context.Context, c connection) (*client.Client, error) {
	config, err := settings.Load(p.settingsPath())
	if err != nil {
		return nil, err
	}
	server := cmp.Or(c.server, p.getenv("SPECTRO_REGISTRY_SERVER"), config.Default())
	if server == "" {
		return nil, usagef("no server is named; give --registry-server, or log in with: spectro registry login SERVER --default")
	}
	given, err := p.environment(server, c.server != "")
	if err != nil {
		return nil, err
	}
	entry, _ := config.Find(server)
	if given.insecure == nil {
		given.insecure = &entry.Insecure
	}
	if given.account.Username == "" {
		if given.account, err = p.kept(ctx, entry, server); err != nil {
			return nil, err
		}
	}
	return p.client(server, *given.insecure, given.account)
}

// client makes the client of a server and an account.
func (p *program) client(server string, insecure bool, account settings.Credentials) (*client.Client, error) {
	namespace := cmp.Or(p.namespace, p.getenv("SPECTRO_NAMESPACE"), pack.DefaultNamespace)
	if namespace != pack.AllNamespaces {
		if err := pack.ValidateNamespace(namespace); err != nil {
			return nil, usagef("%s", message(err))
		}
	}
	folders := settings.CertFolders(p.settingsHome(), p.getenv)
	files, err := settings.CAFiles(folders, server)
	if err != nil {
		return nil, asUsage(err)
	}
	names, err := settings.CertNames(server)
	if err != nil {
		return nil, asUsage(err)
	}
	hints := make([]string, len(folders))
	for i, folder := range folders {
		hints[i] = filepath.Join(folder, names[0], "ca.crt")
	}
	c, err := client.New(client.Options{
		Server: server, Insecure: insecure, CAFiles: files, Username: account.Username, Password: account.Password,
		CAHint: strings.Join(hints, " or "), LoginHint: "log in with: spectro registry login " + server,
		Namespace: namespace, UserAgent: "spectro/" + p.Version,
	})
	return c, asUsage(err)
}

// asUsage makes a usage error of a server that is named wrongly.
func asUsage(err error) error {
	var e *pack.Error
	if errors.As(err, &e) && (e.Code == "server_invalid" || e.Code == "server_plain") {
		return usagef("%s", e.Message)
	}
	return err
}

// given is what the environment says of a server.
type given struct {
	account  settings.Credentials
	insecure *bool // nil when it says nothing
}

// environment reads SPECTRO_USERNAME, SPECTRO_PASSWORD and SPECTRO_INSECURE. They are for the server that
// SPECTRO_REGISTRY_SERVER names, or else the one that is named on the command line, and for no other: a password must not go
// to whichever server happens to be the default.
func (p *program) environment(server string, named bool) (given, error) {
	var g given
	user, password, insecure := p.getenv("SPECTRO_USERNAME"), p.getenv("SPECTRO_PASSWORD"), p.getenv("SPECTRO_INSECURE")
	if user == "" && password == "" && insecure == "" {
		return g, nil
	}
	theirs := p.getenv("SPECTRO_REGISTRY_SERVER")
	if (theirs == "" && !named) || (theirs != "" && !settings.Same(theirs, server)) {
		p.note("SPECTRO_USERNAME, SPECTRO_PASSWORD and SPECTRO_INSECURE are not used for %s: they are for the server that SPECTRO_REGISTRY_SERVER names, or without it the command line", server)
		return g, nil
	}
	if insecure != "" {
		value, err := strconv.ParseBool(insecure)
		if err != nil {
			return g, usagef("SPECTRO_INSECURE is %q; it is true or false", insecure)
		}
		g.insecure = &value
	}
	if user != "" && password != "" {
		g.account = settings.Credentials{Username: user, Password: password}
	} else if user != "" || password != "" {
		return g, usagef("SPECTRO_USERNAME and SPECTRO_PASSWORD belong together; one of them is not set")
	}
	return g, nil
}

// kept is the account that a login keeps for a server, whose entry that is: spectro's own, else Docker's.
func (p *program) kept(ctx context.Context, entry settings.Server, server string) (settings.Credentials, error) {
	account, err := entry.Credentials()
	if err != nil || account.Username != "" {
		return account, err
	}
	return p.dockerAccount(ctx, server)
}

// dockerAccount asks Docker's config and the credential helper it names. What is wrong there is only noted: the server
// may want no account, and tells when it does.
func (p *program) dockerAccount(ctx context.Context, server string) (settings.Credentials, error) {
	docker, err := settings.LoadDocker(settings.DockerPath(p.getenv))
	if err != nil {
		p.note("%s; going on without it", message(err))
		return settings.Credentials{}, nil
	}
	if helper := docker.Helper(server); helper != "" {
		account, err := helper.Get(ctx, server)
		switch {
		case ctx.Err() != nil:
			return account, ctx.Err()
		case err != nil:
			p.note("%s; going on without it", message(err))
		case account.Username != "":
			return account, nil
		}
	}
	account, err := docker.Credentials(server)
	if err != nil {
		p.note("%s; going on without it", message(err))
	}
	return account, nil
}

// note tells something that is no failure.
func (p *program) note(format string, args ...any) {
	fmt.Fprintf(p.Stderr, "spectro: note: %s\n", oneLine(fmt.Sprintf(format, args...)))
}

// settingsHome is the folder of spectro's own files; "" when there is none.
func (p *program) settingsHome() string { return settings.Home(p.home, p.getenv) }

// settingsPath is the config.json in it; "" when there is none.
func (p *program) settingsPath() string {
	if home := p.settingsHome(); home != "" {
		return settings.Path(home)
	}
	return ""
}
