package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"packregistry/internal/certs"
)

// certCommand makes what a registry needs to speak HTTPS where no public authority reaches.
func (p *program) certCommand() *cobra.Command {
	var out output
	o := certs.Options{Now: time.Now}
	cmd := &cobra.Command{
		Use: "cert", Short: "make a private CA and a server certificate, or renew the certificate", Args: args(cobra.NoArgs),
		Long: `Makes ca.crt, ca.key, tls.crt, tls.key and palette.pem in a folder. What is there and will do is kept: run it again,
for instance daily, and the server certificate is made anew 30 days before its end, by the same CA. A running server
notices new files by itself.`,
		RunE: func(*cobra.Command, []string) error {
			if o.Days < 1 {
				return usageError{fmt.Errorf("--days %d: a certificate must hold for a day at least; leave --days out for %d", o.Days, certs.DefaultDays)}
			}
			r, err := certs.Make(o)
			if err != nil {
				return err
			}
			return p.print(out, r, certText(r))
		},
	}
	cmd.Flags().StringSliceVar(&o.Names, "host", nil, "host name or IP address that clients use; repeatable (default: this machine's, or those of the certificate that is there)")
	cmd.Flags().StringVar(&o.Dir, "out", "tls", "folder of the files")
	cmd.Flags().IntVar(&o.Days, "days", certs.DefaultDays, "how long the server certificate holds")
	cmd.Flags().BoolVar(&o.Renew, "renew", false, "make a new server certificate even when the old one will do")
	out.flag(cmd)
	return cmd
}

func certText(r *certs.Result) string {
	word := func(made bool) string {
		if made {
			return "made"
		}
		return "kept"
	}
	why := ""
	if r.MadeCertificate {
		why = " (" + r.Reason + ")"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CA           %s, valid to %s\n", word(r.MadeCA), r.CAUntil.UTC().Format(time.DateOnly))
	fmt.Fprintf(&b, "certificate  %s%s, valid to %s\n", word(r.MadeCertificate), why, r.NotAfter.UTC().Format(time.DateOnly))
	fmt.Fprintf(&b, "names        %s\n\n", strings.Join(r.Names, ", "))
	fmt.Fprintf(&b, "For the server (it must be able to read the key):\n  REGISTRY_HTTP_TLS_CERTIFICATE=%s\n  REGISTRY_HTTP_TLS_KEY=%s\n",
		shellQuote(r.Path(certs.CertFile)), shellQuote(r.Path(certs.KeyFile)))
	fmt.Fprintf(&b, "For clients:\n  curl --cacert %s\n", shellQuote(r.Path(certs.CAFile)))
	fmt.Fprintf(&b, "To upload in Palette:\n  %s\n", r.Path(certs.PaletteFile))
	fmt.Fprintf(&b, "To keep secret, and in a backup:\n  %s\n", r.Path(certs.CAKeyFile))
	return b.String()
}
