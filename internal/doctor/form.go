package doctor

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
)

// Form is what to type into Palette for one kind of registry (palette-contract 4.2).
type Form struct {
	Kind  string `json:"kind"`  // "legacy" or "oci"
	Where string `json:"where"` // in Palette
	// Endpoint has the scheme, and the port unless it is the usual one. The legacy kind has the prefix in it.
	Endpoint string `json:"endpoint"`
	// BasePath is the endpoint's suffix: the prefix the server lives under.
	BasePath string `json:"basePath,omitempty"`
	// BaseContentPaths hold packs, or platform manifests; each is a registry of its own in Palette, which adds spectro-packs/archive itself.
	BaseContentPaths []string `json:"baseContentPaths,omitempty"`
	// ContainsSpectroManifest is for the OCI kind alone; nil elsewhere. True: at least one of the paths holds
	// platform manifests too (palette-contract 6.5); ManifestPaths are those.
	ContainsSpectroManifest *bool    `json:"containsSpectroManifest,omitempty"`
	ManifestPaths           []string `json:"manifestPaths,omitempty"`
	ProviderType            string   `json:"providerType,omitempty"`
	Username                string   `json:"username"`
	InsecureSkipVerify      bool     `json:"insecureSkipVerify"`
	// Certificate is the PEM to upload; "" means none is needed.
	Certificate string   `json:"certificate"`
	Advice      []string `json:"advice"`
}

// forms are made for the faces that answered over HTTPS.
func (e *exam) forms() []Form {
	out := []Form{}
	if !e.secure || len(e.sent) == 0 {
		return out
	}
	user := e.o.User
	if user == "" {
		user = "an account with the role reader"
	}
	certificate, advice := e.certificate()
	advice = append(advice, e.storeAdvice()...)
	origin := "https://" + e.base.Host
	if e.legacy {
		out = append(out, Form{
			Kind: "legacy", Where: "Tenant Settings > Registries > Pack Registries > Add New Pack Registry",
			Endpoint: origin + e.base.Path, Username: user, Certificate: certificate,
			Advice: append([]string{"The legacy kind shows the packs of the namespace default."}, advice...),
		})
	}
	if e.oci {
		manifests := sorted(e.manifests)
		contains := len(manifests) > 0
		paths := slices.DeleteFunc(sorted(slices.Concat(e.namespaces, manifests)), func(p string) bool { return p == "" })
		if len(paths) == 0 {
			paths = []string{"default"}
		}
		out = append(out, Form{
			Kind: "oci", Where: "Tenant Settings > Registries > OCI Registries > Add New OCI Registry",
			Endpoint: origin, BasePath: e.base.Path, BaseContentPaths: paths, ProviderType: "pack", Username: user, Certificate: certificate,
			ContainsSpectroManifest: &contains, ManifestPaths: manifests,
			Advice: append([]string{
				"Choose the provider Pack and Basic authentication (not ECR), and leave synchronisation on: Palette then syncs every 24 hours, or by Sync in the menu.",
				"The base content path must not hold spectro-packs/archive: Palette adds it. Add the registry once for each path you want.",
			}, advice...),
		})
	}
	return out
}

// sorted is a set in byte order.
func sorted(set []string) []string { return slices.Compact(slices.Sorted(slices.Values(set))) }

// certificate is the chain for the upload field, and what to know of it (palette-contract 1.8, 3.5).
func (e *exam) certificate() (text string, advice []string) {
	const leave = "Leave \"Insecure Skip TLS Verify\" off: when it is on, the certificate is not looked at."
	switch {
	case e.trusted && e.o.CA == nil:
		return "", []string{leave, "No certificate need be uploaded where Palette trusts the same public authorities as this machine; with a private one installed here, examine with --ca."}
	case e.trusted:
		return encode(e.withStores(e.chain())), []string{leave, "If Palette refuses the uploaded chain, tick it and upload the chain none the less: then only the password protects the packs, so mend it soon."}
	}
	return encode(e.sent), []string{"This is what the server sends, and it does not hold yet: mend what failed above, and examine again, before you upload it.", leave}
}

// chain is from the server's certificate up to the root, without doubles.
func (e *exam) chain() []*x509.Certificate {
	chain := slices.Clone(e.verified)
	for _, c := range e.sent {
		if !slices.ContainsFunc(chain, c.Equal) {
			chain = append(chain, c)
		}
	}
	if len(chain) > 1 || e.o.CA == nil {
		return chain
	}
	// The CA file named the server's own certificate: what else it holds belongs to the chain.
	for rest := e.o.CA; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return chain
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && !slices.ContainsFunc(chain, c.Equal) && chain[0].CheckSignatureFrom(c) == nil {
			chain = append(chain, c)
		}
	}
}

func encode(chain []*x509.Certificate) string {
	var b strings.Builder
	for _, c := range chain {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}

// Text is the report for a person: one line a check, then the forms.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Examining %s\n\n", r.Address)
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%-8s %-19s %s", c.Status, c.Name, c.Detail)
		if c.Mend != "" {
			fmt.Fprintf(&b, " -> %s", c.Mend)
		}
		b.WriteString("\n")
	}
	for _, f := range r.Forms {
		b.WriteString("\n" + f.text())
	}
	r.advice(&b)
	fmt.Fprintf(&b, "\n%d ok, %d warnings, %d failed, %d skipped\n", r.Count(OK), r.Count(Warning), r.Count(Failed), r.Count(Skipped))
	return b.String()
}

// advice tells once what the forms have in common: hints, and the PEM.
func (r *Report) advice(b *strings.Builder) {
	var said []string
	for _, f := range r.Forms {
		for _, a := range f.Advice {
			if !slices.Contains(said, a) {
				said = append(said, a)
			}
		}
	}
	if len(said) > 0 {
		fmt.Fprintf(b, "\n- %s\n", strings.Join(said, "\n- "))
	}
	if len(r.Forms) > 0 && r.Forms[0].Certificate != "" {
		b.WriteString("\n" + r.Forms[0].Certificate)
	}
}

func (f Form) text() string {
	var b strings.Builder
	title := "Palette, legacy pack registry"
	if f.Kind == "oci" {
		title = "Palette, OCI registry"
	}
	fmt.Fprintf(&b, "%s: %s\n", title, f.Where)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-26s %s\n", name, value)
		}
	}
	if f.Kind == "oci" {
		line("Provider", "Pack")
		line("Authentication Type", "Basic")
	}
	line("Endpoint", f.Endpoint)
	line("Endpoint Suffix", f.BasePath)
	line("Base Content Path", strings.Join(f.BaseContentPaths, "   or   "))
	if f.ContainsSpectroManifest != nil {
		box := "off"
		if *f.ContainsSpectroManifest {
			box = "on"
			if len(f.ManifestPaths) < len(f.BaseContentPaths) {
				box += " for " + strings.Join(f.ManifestPaths, ", ") + ", else off"
			}
		}
		line("Contains Spectro Manifests", box)
	}
	line("Username", f.Username)
	line("Password", "(that account's)")
	line("Insecure Skip TLS Verify", "off")
	if f.Certificate == "" {
		line("TLS Certificate", "(none)")
	} else {
		line("TLS Certificate", "the PEM at the end, with all its BEGIN and END lines")
	}
	return b.String()
}
