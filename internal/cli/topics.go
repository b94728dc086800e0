package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/clidoc"
)

// topics are what there is to know beside the commands: shown by help, in docs/cli.md and in spectro(1).
func topics() []clidoc.Topic {
	return []clidoc.Topic{exitCodes(), filesTopic(), environmentTopic()}
}

func exitCodes() clidoc.Topic {
	row := func(code int, when, also string) []string { return []string{strconv.Itoa(code), when, also} }
	return clidoc.Topic{
		Name: "exit-codes", Title: "Exit codes", Short: "what the exit codes mean",
		Text: "Scripts may rely on these; a new code may be added, none changes its meaning. What went wrong is told on stderr in one sentence; " +
			"stdout holds nothing but what was asked for.",
		Header: []string{"code", "meaning", "for example"},
		Rows: [][]string{
			row(ExitOK, "done", "also a forced push of what the server has already"),
			row(ExitFailed, "failed", "a file cannot be written, the server failed"),
			row(ExitUsage, "the command line makes no sense", "an unknown flag, --force without --message"),
			row(ExitNotAllowed, "not allowed", "a wrong password, an account that may only read"),
			row(ExitNotFound, "not found", "no such pack, version, tag or file"),
			row(ExitConflict, "conflict", "the version is there with other content"),
			row(ExitPackInvalid, "the pack is invalid", "a rule is broken, it is too large, or with --strict there is a warning"),
			row(ExitTimeout, "gave up waiting", "what was waited for did not come in the time given"),
			row(ExitNetwork, "no connection", "the server is away, its certificate is not trusted, it is no pack registry"),
			row(ExitInterrupted, "interrupted", "Ctrl-C, or the signal TERM"),
		},
	}
}

func filesTopic() clidoc.Topic {
	return clidoc.Topic{
		Name: "files", Title: "Files", Short: "what is read and written, and where",
		Text:   "All of them may be missing.",
		Header: []string{"path", "what it holds"},
		Rows: [][]string{
			{"<home>/config.json", `the servers you logged in to and the default one, readable by you alone. Scripts may write it: {"auths": {"SERVER": {"auth": "BASE64 OF USER:PASSWORD", "insecure": true}}, "defaultRegistry": "SERVER"}`},
			{"/etc/spectro/certs.d/SERVER/ca.crt", "the CA of a server, as PEM; SERVER as at login, without the scheme. It is trusted for the store too, where the server redirects downloads there; the file may hold several"},
			{"<home>/certs.d/SERVER/ca.crt", "the same for you alone"},
			{"$DOCKER_CONFIG/config.json, ~/.docker/config.json", "the credential helpers that keep passwords, and logins of docker, helm and oras, which are used where spectro has none of its own"},
			{".packignore", "in a pack's folder: what is not packed, in the syntax of .dockerignore"},
		},
	}
}

func environmentTopic() clidoc.Topic {
	return clidoc.Topic{
		Name: "environment", Title: "Environment", Short: "the variables that are read",
		Text: "A flag wins over the environment, the environment over config.json. SPECTRO_USERNAME, SPECTRO_PASSWORD and SPECTRO_INSECURE are for the server that " +
			"SPECTRO_REGISTRY_SERVER names, or without it the command line, and for no other.",
		Header: []string{"name", "what it does"},
		Rows: [][]string{
			{"SPECTRO_REGISTRY_SERVER", "the server, where no flag names one"},
			{"SPECTRO_USERNAME, SPECTRO_PASSWORD", "the account, instead of a login"},
			{"SPECTRO_INSECURE", "true: do not verify certificates, and speak plain HTTP where the server has no TLS"},
			{"SPECTRO_HOME", "the folder of spectro's own files, instead of $HOME/.spectro"},
			{"SPECTRO_NAMESPACE", "the namespace of packs, where no flag and no NAMESPACE/NAME names one"},
			{"NO_COLOR", "set to anything: no colours, which only terminals get"},
			{"TERM", "dumb: no colours and no progress bar"},
			{"HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "the proxy to go through"},
			{"SSL_CERT_FILE, SSL_CERT_DIR", "trusted authorities, on Linux instead of the system's"},
			{"DOCKER_CONFIG", "the folder of Docker's config.json"},
		},
	}
}

// topicCommands are what help lists as topics.
func topicCommands() []*cobra.Command {
	var all []*cobra.Command
	for _, t := range topics() {
		all = append(all, &cobra.Command{Use: t.Name, Short: t.Short, Long: t.Long()})
	}
	return all
}
