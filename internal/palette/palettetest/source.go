package palettetest

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// What a pack's manifest is made of (contract 3.3: as ORAS 1.0 pushes it).
const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.unknown.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
	titleKey     = "org.opencontainers.image.title"
)

// maxDocument bounds a JSON document of a registry.
const maxDocument = 32 << 20

// source is a registry to read from.
type source struct {
	base string // scheme, host and API base path
	auth auth
	http *http.Client
}

// newSource makes of an address what Palette makes of it: https where no scheme is written, without / and /v2 at the
// end (contract 3.4, observed).
func newSource(s spec, roots *x509.CertPool) (*source, error) {
	base := s.Endpoint
	if !strings.Contains(base, "://") {
		base = "https://" + base
	}
	base = strings.TrimSuffix(strings.TrimRight(base, "/"), "/v2")
	if path := strings.Trim(s.BasePath, "/"); path != "" {
		base += "/" + path
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if t := s.Auth.TLS; t != nil {
		config.InsecureSkipVerify = t.InsecureSkipVerify // wins over the certificate (contract 1.8)
		if t.Certificate != "" {
			pool := x509.NewCertPool()
			if roots != nil {
				pool = roots.Clone()
			}
			if !pool.AppendCertsFromPEM([]byte(t.Certificate)) {
				return nil, invalid("auth.tls.certificate is no certificate in PEM form")
			}
			config.RootCAs = pool
		}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, ResponseHeaderTimeout: time.Minute}
	return &source{base: base, auth: s.Auth, http: &http.Client{Transport: transport}}, nil
}

// statusError is an answer that was not 200.
type statusError struct {
	path   string
	status int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("GET %s: response status code %d: %s", e.path, e.status, strings.ToLower(http.StatusText(e.status)))
}

// get asks with the login, follows redirects (contract 3.4, inferred), and wants 200. The caller closes the body.
func (s *source) get(ctx context.Context, path, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return nil, err
	}
	if s.auth.Type == "basic" {
		req.SetBasicAuth(s.auth.Username, s.auth.Password)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, &statusError{path, resp.StatusCode}
	}
	return resp, nil
}

// document reads a small answer whole.
func (s *source) document(ctx context.Context, path, accept string) ([]byte, http.Header, error) {
	resp, err := s.get(ctx, path, accept)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err == nil && len(text) > maxDocument {
		err = fmt.Errorf("GET %s: the answer is too large", path)
	}
	return text, resp.Header, err
}

// ping wants a Basic challenge and then that the login holds (contract 3.4 and 3.5). A Bearer challenge, which the real
// Palette takes too, is beyond this client.
func (s *source) ping(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/v2/", nil)
	if err != nil {
		return err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	challenge := resp.Header.Get("WWW-Authenticate")
	switch {
	case resp.StatusCode == http.StatusUnauthorized && len(challenge) > 6 && strings.EqualFold(challenge[:6], "basic "):
	case resp.StatusCode == http.StatusOK:
	default:
		return fmt.Errorf("GET /v2/ without login: status %d, challenge %q", resp.StatusCode, challenge)
	}
	_, _, err = s.document(ctx, "/v2/", "")
	return err
}

// list reads one member of a JSON document that is a list of strings. It reads no further pages: whether Palette does
// is not known, and a registry should not need it.
func (s *source) list(ctx context.Context, path, member string) ([]string, error) {
	text, header, err := s.document(ctx, path, "application/json")
	if err != nil {
		return nil, err
	}
	if link := header.Get("Link"); link != "" {
		return nil, fmt.Errorf("GET %s: the list goes on at %s, which is not read", path, link)
	}
	var doc map[string]json.RawMessage
	var out []string
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	if err := json.Unmarshal(doc[member], &out); err != nil {
		return nil, fmt.Errorf("GET %s: %s: %w", path, member, err)
	}
	return out, nil
}

// legacyCatalog is all that is known of the legacy protocol (contract 1.7): that it is up, that it wants the login, and
// that it has a catalogue, whose form is not known and taken for that of its relatives.
func (s *source) legacyCatalog(ctx context.Context) ([]string, error) {
	var health struct{ Status string }
	text, _, err := s.document(ctx, "/health", "")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &health); err != nil || health.Status != "UP" {
		return nil, fmt.Errorf("GET /health: %.100q is not up", text)
	}
	return s.list(ctx, "/v1/_catalog", "repositories")
}

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	ArtifactType  string       `json:"artifactType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

// manifest reads a manifest by tag or digest and checks its digest.
func (s *source) manifest(ctx context.Context, repo, ref string) (m manifest, digest string, err error) {
	path := "/v2/" + repo + "/manifests/" + ref
	text, header, err := s.document(ctx, path, manifestType)
	if err != nil {
		return m, "", err
	}
	sum := sha256.Sum256(text)
	digest = "sha256:" + hex.EncodeToString(sum[:])
	if said := header.Get("Docker-Content-Digest"); said != digest {
		return m, "", fmt.Errorf("GET %s: Docker-Content-Digest is %q, the content is %s", path, said, digest)
	}
	if strings.HasPrefix(ref, "sha256:") && ref != digest {
		return m, "", fmt.Errorf("GET %s: the content is %s", path, digest)
	}
	return m, digest, json.Unmarshal(text, &m)
}

// check wants a manifest as contract 3.3 has it, strictly.
func (m manifest) check(name, ver string) error {
	switch {
	case m.SchemaVersion != 2 || m.MediaType != manifestType:
		return fmt.Errorf("the manifest is no OCI image manifest but %q", m.MediaType)
	case m.ArtifactType != "" || m.Config.MediaType != configType:
		return fmt.Errorf("the manifest is of OCI 1.1 or not of a pack: config %q, artifact type %q", m.Config.MediaType, m.ArtifactType)
	case len(m.Layers) != 1:
		return fmt.Errorf("the manifest has %d layers", len(m.Layers))
	case m.Layers[0].MediaType != layerType:
		return fmt.Errorf("the layer's media type is %q", m.Layers[0].MediaType)
	}
	if title, want := m.Layers[0].Annotations[titleKey], name+"-"+ver+".tar.gz"; title != want {
		return fmt.Errorf("the layer's title is %q and not %q", title, want)
	}
	return nil
}

// pack reads the version that a tag or a digest names, whole, and checks it.
func (s *source) pack(ctx context.Context, repo, ref, name, ver string) (*version, error) {
	m, digest, err := s.manifest(ctx, repo, ref)
	if err != nil {
		return nil, err
	}
	if err := m.check(name, ver); err != nil {
		return nil, err
	}
	layer := m.Layers[0]
	resp, err := s.get(ctx, "/v2/"+repo+"/blobs/"+layer.Digest, "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	sum, counted := sha256.New(), new(counter)
	v, err := readArchive(io.TeeReader(resp.Body, io.MultiWriter(sum, counted)))
	if err != nil {
		return nil, err
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != layer.Digest || int64(*counted) != layer.Size {
		return nil, fmt.Errorf("the layer is %s with %d bytes and not %s with %d", got, *counted, layer.Digest, layer.Size)
	}
	v.Digest = digest
	switch {
	case v.Name != name:
		return nil, fmt.Errorf("pack.json names %q, the repository %q", v.Name, name)
	case v.Version != ver:
		return nil, fmt.Errorf("pack.json has version %q, the tag is %q", v.Version, ver)
	}
	return v, nil
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// isStatus reports whether err is an answer of that status.
func isStatus(err error, status int) bool {
	var e *statusError
	return errors.As(err, &e) && e.status == status
}
