package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/doctor"
)

// maxCA bounds the file of --ca, in bytes.
const maxCA = 4 << 20

// doctorCommand examines a server from outside.
func (p *program) doctorCommand() *cobra.Command {
	var (
		out           output
		user, ca      string
		passwordStdin bool
	)
	cmd := &cobra.Command{
		Use: "doctor URL", Short: "examine a server from outside, and print what to type into Palette", Args: args(cobra.ExactArgs(1)),
		Long: `Examines the server at the address that you are going to type into Palette: name, port, certificate, login, faces,
catalogue, and one pack to its last byte. Run it where Palette runs, or on a machine of the same network. It ends with the values for Palette's
form. It reads only, uses no proxy, and never sends the password to a server whose certificate does not hold.`,
		RunE: func(cmd *cobra.Command, given []string) error {
			o := doctor.Options{Address: given[0], User: user, Now: time.Now, Proxies: doctor.Proxies{
				HTTP: p.eitherCase("HTTP_PROXY", "http_proxy"), HTTPS: p.eitherCase("HTTPS_PROXY", "https_proxy"), No: p.eitherCase("NO_PROXY", "no_proxy"),
			}}
			var err error
			if o.Password, err = p.doctorPassword(user, passwordStdin); err != nil {
				return err
			}
			if ca != "" {
				if o.CA, err = readCA(ca); err != nil {
					return usageError{fmt.Errorf("--ca: %w", err)}
				}
			}
			ctx, stop := untilSignal(cmd.Context(), p.stderr)
			defer stop()
			r, err := doctor.Examine(ctx, o)
			if err != nil {
				return usageError{err}
			}
			if err := p.print(out, r, r.Text()); err != nil {
				return err
			}
			if !r.Healthy {
				return fmt.Errorf("%d of %d checks failed", r.Count(doctor.Failed), len(r.Checks))
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&user, "user", "u", "", "account to log in with, the one Palette will have")
	cmd.Flags().BoolVar(&passwordStdin, "password-stdin", false, "read its password from standard input (else from REGISTRY_DOCTOR_PASSWORD)")
	cmd.Flags().StringVar(&ca, "ca", "", "PEM file with the authority to trust, instead of the system's")
	out.flag(cmd)
	return cmd
}

// doctorPassword comes from standard input or the environment, never from the command line.
func (p *program) doctorPassword(user string, fromStdin bool) (string, error) {
	password := p.getenv("REGISTRY_DOCTOR_PASSWORD")
	if fromStdin {
		var err error
		if password, _, err = p.password(true); err != nil {
			return "", err
		}
	}
	switch {
	case user == "" && fromStdin:
		return "", usageError{errors.New("--password-stdin needs --user")}
	case user != "" && password == "":
		return "", usageError{errors.New("--user needs a password: --password-stdin, or REGISTRY_DOCTOR_PASSWORD")}
	}
	return password, nil
}

// eitherCase is how programs read proxy variables.
func (p *program) eitherCase(names ...string) string {
	for _, name := range names {
		if v := p.getenv(name); v != "" {
			return v
		}
	}
	return ""
}

func readCA(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > maxCA {
		return nil, errors.New(path + " is no PEM file")
	}
	return os.ReadFile(path)
}
