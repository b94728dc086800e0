package appliance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"packregistry/internal/certs"
	"packregistry/internal/config"
	"packregistry/internal/palette"
)

// every is how often is looked.
const every = 100 * time.Millisecond

// live is what the running server and Palette say.
type live struct {
	health  string
	palette string
	err     error // what is not as it should be
}

// watch waits until the server is ready and Palette has synced, or the time is over.
func (s *setup) watch(ctx context.Context) live {
	if s.Start == StartNone {
		return live{health: "not started", palette: "not connected"}
	}
	ctx, stop := context.WithTimeout(ctx, s.Wait)
	defer stop()
	cfg, _, err := config.Load(s.config(), s.Environ)
	if err != nil {
		return live{err: err}
	}
	l := live{health: "ready"}
	if err := s.waitReady(ctx, cfg); err != nil {
		return live{health: "not ready: " + err.Error(), err: fmt.Errorf("the server is not ready: %w; see %s", err, s.whereLog())}
	}
	s.Log.Info("set-up", "step", "health", "state", "ready")
	l.palette, l.err = s.waitPalette(ctx, cfg)
	return l
}

func (s *setup) whereLog() string {
	switch {
	case s.Start == StartSystemd:
		return "journalctl -u " + unit
	case s.Foreground:
		return "the lines above"
	}
	return s.log()
}

func (s *setup) waitReady(ctx context.Context, cfg *config.Config) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if s.server != nil { // no answer is waited for that cannot come
		go func() {
			select {
			case <-s.server.ended:
				stop()
			case <-ctx.Done():
			}
		}()
	}
	for {
		err := probe(ctx, cfg)
		if err == nil {
			return nil
		}
		if s.server != nil {
			select {
			case <-s.server.ended:
				return fmt.Errorf("it has ended (%w)%s", s.server.err, s.lastLine())
			default:
			}
		}
		if !pause(ctx, every) {
			return err
		}
	}
}

// lastLine is the end of the server's log, where its reason stands.
func (s *setup) lastLine() string {
	if s.Foreground {
		return ""
	}
	text, err := os.ReadFile(s.log())
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return ": " + lines[len(lines)-1]
}

// probe asks the server of this machine whether it is ready. That it shows the certificate that is configured is checked; its
// name is not, for it is asked at the loopback address.
func probe(ctx context.Context, cfg *config.Config) error {
	_, port, err := net.SplitHostPort(cfg.HTTP.Addr)
	if err != nil {
		return err
	}
	scheme, transport := "http", &http.Transport{DisableKeepAlives: true}
	if t := cfg.HTTP.TLS; t.Enabled() {
		scheme = "https"
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // nothing secret is sent, see above
		if hosts := t.LetsEncrypt.Hosts; len(hosts) > 0 {
			transport.TLSClientConfig.ServerName = hosts[0]
		}
	}
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort("127.0.0.1", port)+cfg.HTTP.Prefix+"/ready", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, strings.Join(strings.Fields(string(text)), " "))
	}
	if path := cfg.HTTP.TLS.Certificate; path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		want, err := firstCertificate(pem)
		if err != nil {
			return err
		}
		if !resp.TLS.PeerCertificates[0].Equal(want) {
			return errors.New("it still shows another certificate")
		}
	}
	return nil
}

// waitPalette waits until Palette has the registry and has synced it. The server does the connecting.
func (s *setup) waitPalette(ctx context.Context, cfg *config.Config) (string, error) {
	p := cfg.Palette
	if !p.Connects() || !p.Follows() {
		return "not connected", nil
	}
	client, err := paletteClient(p, s.Now, "pack-registry/"+s.Version)
	if err != nil {
		return "", err
	}
	defer client.Close()
	last := errors.New("the time was too short to ask")
	for {
		e, err := client.Find(ctx, palette.Kind(p.Kind), p.Name)
		switch {
		case err != nil && ctx.Err() == nil:
			last = err
		case err == nil && e.Sync.State == palette.StateDone:
			s.Log.Info("set-up", "step", "palette", "state", "synced")
			return synced(p, e), nil
		case err == nil:
			last = fmt.Errorf("the sync is %s %s", e.Sync.State, e.Sync.Message)
		}
		if !pause(ctx, 5*every) {
			text := fmt.Sprintf("not in Palette yet (%s): the server goes on trying", strings.TrimSpace(last.Error()))
			return text, fmt.Errorf("the registry runs and is %s; see %s", text, s.whereLog())
		}
	}
}

func synced(p config.Palette, e *palette.Entry) string {
	return fmt.Sprintf("%s in %s, synced %s", p.Name, p.URL, e.Sync.LastSynced.UTC().Format(time.RFC3339))
}

func paletteClient(p config.Palette, now func() time.Time, agent string) (*palette.Client, error) {
	var ca []byte
	if p.CA != "" {
		var err error
		if ca, err = readSmall(p.CA); err != nil {
			return nil, err
		}
	}
	login := palette.Login{APIKey: palette.Secret(p.APIKey), User: p.User, Password: palette.Secret(p.Password), System: p.System}
	return palette.New(palette.Options{URL: p.URL, CA: ca, Login: login, UserAgent: agent, Now: now, Attempts: 1})
}

// anchor is the certificate that clients have to trust: the CA's, else the one that was given.
func anchor(p paths, cfg *config.Config) (path, print string, err error) {
	switch cert := cfg.HTTP.TLS.Certificate; cert {
	case "":
		return "", "", nil
	case filepath.Join(p.tlsDir(), certs.CertFile):
		path = filepath.Join(p.tlsDir(), certs.CAFile)
	default:
		path = cert
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	c, err := firstCertificate(text)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	return path, fingerprint(c), nil
}
