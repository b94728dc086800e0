package palette

import (
	"net/url"

	"packregistry/internal/pack"
)

// Kind is the sort of a registry entry.
type Kind string

// The kinds (contract 0 and 4.1).
const (
	// KindOCI reads packs over /v2: sub-type basic, provider type pack.
	KindOCI Kind = "oci"
	// KindPack is the legacy kind and reads /v1.
	KindPack Kind = "pack"
)

// ParseKind reads a kind. Its error is of pack.KindInvalid.
func ParseKind(text string) (Kind, error) {
	switch k := Kind(text); k {
	case KindOCI, KindPack:
		return k, nil
	}
	return "", pack.Errorf(pack.KindInvalid, "palette_kind_invalid", "%q is no kind of registry; write oci or pack", text)
}

// all is the path under which entries are made, and validated (contract 4.1, documented).
func (k Kind) all() string {
	if k == KindPack {
		return "/v1/registries/pack"
	}
	return "/v1/registries/oci/basic"
}

// one is the path of one entry; its sync lies below.
func (k Kind) one(uid string) string {
	if k == KindPack {
		return "/v1/registries/pack/" + url.PathEscape(uid)
	}
	return "/v1/registries/oci/" + url.PathEscape(uid) + "/basic"
}

// Entry is a registry as Palette keeps it.
type Entry struct {
	UID  string // given by Palette
	Kind Kind
	Name string // cannot be changed
	// Scope is tenant or system, read only; other words were seen (contract 4.1, observed).
	Scope string
	// Endpoint is where Palette reaches the registry: https://host[:port].
	Endpoint string
	// BaseContentPath is the namespace, KindOCI only. Palette puts spectro-packs/archive behind it (contract
	// 3.1, documented) and wants one where it syncs (observed).
	BaseContentPath string
	// BasePath goes before /v2 in Palette's requests, KindOCI only (contract 3.4, inferred).
	BasePath string
	// ContainsSpectroManifest tells that platform manifests lie there too, KindOCI only (contract 6.5, documented).
	ContainsSpectroManifest bool
	// Private is a mark of KindPack alone.
	Private bool
	Auth    Auth
	// Annotations and Labels are Palette's; who updates an entry keeps those it has read.
	Annotations, Labels map[string]string
	// Sync is how the last sync stands, read only.
	Sync SyncStatus
}

// Auth is how Palette logs in to the registry: Basic, the only way that it supports for packs (contract 3.5, documented).
type Auth struct {
	Username string
	// Password is masked in what was read, and has to be given anew with every change.
	Password Secret
	// Certificate is PEM that Palette shall trust: the complete chain, server to root (contract 1.8, documented). It goes
	// to tls.certificate, as the vendor's Terraform provider does it; what tls.ca is for is not known (contract 4.2).
	Certificate string
	// InsecureSkipVerify wins over Certificate (contract 1.8, documented).
	InsecureSkipVerify bool
}

// mask is what Palette shows of a password (contract 4.1, observed).
const mask = "********"

// check refuses what Palette would refuse or misunderstand, so that the reason can be told.
func (e *Entry) check() error {
	invalid := func(text string) error { return pack.Errorf(pack.KindInvalid, "palette_entry_invalid", "%s", text) }
	if _, err := ParseKind(string(e.Kind)); err != nil {
		return err
	}
	switch {
	case e.Name == "":
		return invalid("a registry entry in Palette needs a name")
	case e.Endpoint == "":
		return invalid("a registry entry in Palette needs the address at which Palette reaches the registry")
	case e.Auth.Username == "" || e.Auth.Password == "":
		return invalid("a registry entry in Palette needs a user and a password: Palette reads packs with a login only")
	case e.Auth.Password == mask:
		return invalid("the password of a registry entry must be given anew: the one that was read from Palette is masked")
	case e.Kind == KindOCI && e.BaseContentPath == "":
		return invalid("an OCI registry entry in Palette needs a base content path: name the namespace, or default")
	}
	return nil
}

// Shapes on the wire (contract 4.2, documented; swagger v1PackRegistry, v1BasicOciRegistry, v1ObjectMeta).
type (
	wireMeta struct {
		Name        string            `json:"name"`
		UID         string            `json:"uid,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
		Labels      map[string]string `json:"labels,omitempty"`
	}
	wireTLS struct {
		Enabled            bool   `json:"enabled"`
		Certificate        string `json:"certificate,omitempty"`
		InsecureSkipVerify bool   `json:"insecureSkipVerify"`
	}
	wireAuth struct {
		Type     string  `json:"type"`
		Username string  `json:"username"`
		Password string  `json:"password"`
		TLS      wireTLS `json:"tls"`
	}
	wirePackSpec struct {
		Name     string   `json:"name"`
		Endpoint string   `json:"endpoint"`
		Private  bool     `json:"private"`
		Auth     wireAuth `json:"auth"`
	}
	wireOCISpec struct {
		Endpoint                string   `json:"endpoint"`
		BasePath                string   `json:"basePath"`
		BaseContentPath         string   `json:"baseContentPath"`
		ProviderType            string   `json:"providerType"`
		IsSyncSupported         bool     `json:"isSyncSupported"`
		ContainsSpectroManifest bool     `json:"containsSpectroManifest"`
		Scope                   string   `json:"scope,omitempty"`
		Auth                    wireAuth `json:"auth"`
	}
	wireEntry struct {
		Metadata wireMeta `json:"metadata"`
		Spec     any      `json:"spec"`
	}
)

// spec is what validate takes alone.
func (e *Entry) spec() any {
	auth := wireAuth{Type: "basic", Username: e.Auth.Username, Password: string(e.Auth.Password), TLS: wireTLS{
		// The vendor's Terraform provider sends enabled always (contract 4.2, observed).
		Enabled: true, Certificate: e.Auth.Certificate, InsecureSkipVerify: e.Auth.InsecureSkipVerify,
	}}
	if e.Kind == KindPack {
		return wirePackSpec{Name: e.Name, Endpoint: e.Endpoint, Private: e.Private, Auth: auth}
	}
	return wireOCISpec{
		Endpoint: e.Endpoint, BasePath: e.BasePath, BaseContentPath: e.BaseContentPath, ProviderType: "pack", IsSyncSupported: true,
		ContainsSpectroManifest: e.ContainsSpectroManifest, Auth: auth,
	}
}

// whole is what create and update take.
func (e *Entry) whole() any {
	return wireEntry{Metadata: wireMeta{Name: e.Name, Annotations: e.Annotations, Labels: e.Labels}, Spec: e.spec()}
}

// readEntry is an entry of either kind, as it is read alone.
type readEntry struct {
	Metadata wireMeta `json:"metadata"`
	Spec     struct {
		wireOCISpec      // has the fields of the legacy kind, but for
		Private     bool `json:"private"`
	} `json:"spec"`
	Status readStatus `json:"status"`
}

// readStatus holds the status at each of the places that the kinds have for it (contract 4.3, documented).
type readStatus struct {
	PackSyncStatus *wireSync `json:"packSyncStatus"`
	SyncStatus     *wireSync `json:"syncStatus"`
	Sync           *wireSync `json:"sync"`
}

func (s readStatus) status() SyncStatus {
	for _, w := range []*wireSync{s.PackSyncStatus, s.SyncStatus, s.Sync} {
		if w != nil {
			return w.status()
		}
	}
	return SyncStatus{State: StateWaiting}
}

func (r readEntry) entry(kind Kind) *Entry {
	a := r.Spec.Auth
	return &Entry{
		UID: r.Metadata.UID, Kind: kind, Name: r.Metadata.Name, Scope: r.Spec.Scope, Endpoint: r.Spec.Endpoint, BasePath: r.Spec.BasePath,
		BaseContentPath: r.Spec.BaseContentPath, ContainsSpectroManifest: r.Spec.ContainsSpectroManifest, Private: r.Spec.Private,
		Annotations: r.Metadata.Annotations, Labels: r.Metadata.Labels, Sync: r.Status.status(),
		Auth: Auth{Username: a.Username, Password: Secret(a.Password), Certificate: a.TLS.Certificate, InsecureSkipVerify: a.TLS.InsecureSkipVerify},
	}
}
