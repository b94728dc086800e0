package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// probeTimeout is below the usual three seconds of container health checks.
const probeTimeout = 2 * time.Second

// healthCommand asks the server of this configuration, on this machine, whether
// it is alive; for container health checks, which have no curl.
func (p *program) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use: "health [config.yml]", Short: "exit 0 when the server of this configuration is alive", Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			cfg, _, err := p.load(first(given))
			if err != nil {
				return err
			}
			host, port, err := net.SplitHostPort(cfg.HTTP.Addr)
			if err != nil {
				return err
			}
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "localhost"
			}
			address := net.JoinHostPort(host, port)
			dialer := &net.Dialer{Timeout: probeTimeout}
			if len(cfg.HTTP.TLS.ClientCAs) > 0 {
				// Without a client certificate there is no answer; that it listens has to do.
				conn, err := dialer.DialContext(cmd.Context(), "tcp", address)
				if err != nil {
					return err
				}
				return conn.Close()
			}
			transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
			scheme := "http"
			if cfg.HTTP.TLS.Enabled() {
				scheme = "https"
				// It asks itself: the name in the certificate is another one than localhost.
				transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // nothing secret is sent
				if hosts := cfg.HTTP.TLS.LetsEncrypt.Hosts; len(hosts) > 0 {
					transport.TLSClientConfig.ServerName = hosts[0]
				}
			}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, scheme+"://"+address+cfg.HTTP.Prefix+"/health", nil)
			if err != nil {
				return err
			}
			resp, err := (&http.Client{Transport: transport, Timeout: probeTimeout}).Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("the server answers %s", resp.Status)
			}
			fmt.Fprintln(p.stdout, "UP")
			return nil
		},
	}
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
