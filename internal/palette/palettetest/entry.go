package palettetest

import (
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
	"time"
)

// kind is the sort of an entry.
type kind string

const (
	legacyKind kind = "pack"
	ociKind    kind = "oci"
)

// Shapes of contract 4.2 and of swagger v1ObjectMeta, v1RegistryAuth, v1TlsConfiguration, v1PackRegistrySpec
// and v1BasicOciRegistrySpec. A pointer tells a field that is required.
type (
	meta struct {
		Annotations           map[string]string `json:"annotations,omitempty"`
		CreationTimestamp     string            `json:"creationTimestamp,omitempty"`
		DeletionTimestamp     string            `json:"deletionTimestamp,omitempty"`
		Labels                map[string]string `json:"labels,omitempty"`
		LastModifiedTimestamp string            `json:"lastModifiedTimestamp,omitempty"`
		Name                  string            `json:"name,omitempty"`
		UID                   string            `json:"uid,omitempty"`
	}
	tlsConfig struct {
		CA                 string `json:"ca,omitempty"`
		Certificate        string `json:"certificate,omitempty"`
		Enabled            bool   `json:"enabled"`
		InsecureSkipVerify bool   `json:"insecureSkipVerify"`
		Key                string `json:"key,omitempty"`
	}
	auth struct {
		Password string     `json:"password,omitempty"`
		TLS      *tlsConfig `json:"tls,omitempty"`
		Token    string     `json:"token,omitempty"`
		Type     string     `json:"type,omitempty"`
		Username string     `json:"username,omitempty"`
	}
	legacySpec struct {
		Auth        *auth   `json:"auth"`
		Endpoint    *string `json:"endpoint"`
		Name        string  `json:"name,omitempty"`
		Private     bool    `json:"private"`
		RegistryUID string  `json:"registryUid,omitempty"`
		Scope       string  `json:"scope,omitempty"`
	}
	ociSpec struct {
		Auth                    *auth   `json:"auth"`
		BaseContentPath         string  `json:"baseContentPath,omitempty"`
		BasePath                string  `json:"basePath,omitempty"`
		ContainsSpectroManifest bool    `json:"containsSpectroManifest"`
		Endpoint                *string `json:"endpoint"`
		IsSyncSupported         bool    `json:"isSyncSupported,omitempty"`
		ProviderType            *string `json:"providerType,omitempty"`
		RegistryUID             string  `json:"registryUid,omitempty"`
		Scope                   string  `json:"scope,omitempty"`
	}
)

// spec is what the fake keeps of either kind.
type spec struct {
	Endpoint, BasePath, BaseContentPath, ProviderType string
	Private, IsSyncSupported, ContainsSpectroManifest bool
	Auth                                              auth
}

// entry is a registry entry. Palette.mu guards it.
type entry struct {
	uid, scope string
	kind       kind
	meta       meta
	spec       spec
	sync       syncStatus
	run        *run // the sync in progress
	finished   int  // syncs that came to an end
	shown      map[string]*version
	pins       map[string][]string // digests ever seen, by name and version
	problems   []string
}

// syncStatus is swagger v1RegistrySyncStatus.
type syncStatus struct {
	Status, Message     string
	LastRun, LastSynced time.Time
	Supported           bool
}

// JSON has the vendor's form of times: the year 1 is none.
func (s syncStatus) JSON() map[string]any {
	const layout = "2006-01-02T15:04:05.000Z"
	return map[string]any{
		"status": s.Status, "message": s.Message, "isSyncSupported": s.Supported,
		"lastRunTime": s.LastRun.UTC().Format(layout), "lastSyncedTime": s.LastSynced.UTC().Format(layout),
	}
}

func (s legacySpec) spec() (spec, error) {
	out := spec{Private: s.Private, IsSyncSupported: true, ProviderType: "pack"}
	return out, out.require(s.Endpoint, s.Auth, "http", "https")
}

// spec has the rules of contract 3.5 and 4.2 for Basic entries.
func (s ociSpec) spec() (spec, error) {
	out := spec{
		BasePath: s.BasePath, BaseContentPath: s.BaseContentPath, ProviderType: "helm", IsSyncSupported: s.IsSyncSupported,
		ContainsSpectroManifest: s.ContainsSpectroManifest,
	}
	if s.ProviderType != nil {
		out.ProviderType = *s.ProviderType
	}
	if err := out.require(s.Endpoint, s.Auth, "https", ""); err != nil {
		return out, err
	}
	switch {
	case !slices.Contains([]string{"helm", "zarf", "pack"}, out.ProviderType):
		return out, invalid("providerType in body should be one of [helm zarf pack]")
	case out.ProviderType == "pack" && !out.IsSyncSupported:
		return out, invalid("isSyncSupported must be true for the provider type pack")
	case out.IsSyncSupported && strings.Trim(out.BaseContentPath, "/") == "":
		return out, invalid("baseContentPath is required when sync is supported")
	case strings.Contains(out.BaseContentPath, "spectro-packs/archive"):
		return out, invalid("baseContentPath must not contain spectro-packs/archive")
	case out.ProviderType == "pack" && out.Auth.Type != "basic":
		return out, invalid("auth.type must be basic for the provider type pack")
	}
	return out, nil
}

// require checks what both kinds have. An endpoint without scheme is https; "" stands for that among the schemes.
func (s *spec) require(endpoint *string, a *auth, schemes ...string) error {
	switch {
	case endpoint == nil || *endpoint == "":
		return invalid("endpoint in body is required")
	case a == nil:
		return invalid("auth in body is required")
	case a.Type != "" && !slices.Contains([]string{"noAuth", "basic", "token"}, a.Type):
		return invalid("auth.type in body should be one of [noAuth basic token]")
	case a.Type == "basic" && (a.Username == "" || a.Password == ""):
		return invalid("auth.username and auth.password are required for basic")
	}
	text := *endpoint
	if !strings.Contains(text, "://") && slices.Contains(schemes, "") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || !slices.Contains(schemes, u.Scheme) {
		return invalid("endpoint in body is no URL of a registry")
	}
	if a.TLS != nil && a.TLS.Certificate != "" {
		if block, _ := pem.Decode([]byte(a.TLS.Certificate)); block == nil || block.Type != "CERTIFICATE" {
			return invalid("auth.tls.certificate is no certificate in PEM form")
		}
	}
	s.Endpoint, s.Auth = *endpoint, *a
	if s.Auth.TLS == nil {
		s.Auth.TLS = &tlsConfig{}
	}
	return nil
}

// masked is what is read back of a login (contract 4.1, observed).
func (a auth) masked() auth {
	const mask = "********"
	if a.Password != "" {
		a.Password = mask
	}
	if a.Token != "" {
		a.Token = mask
	}
	return a
}
