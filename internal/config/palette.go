package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"packregistry/internal/pack"
)

// Palette is the Palette that shows this registry's packs. With URL and a login the server keeps the entries that it
// has there in sync; with Name and Advertise it makes one at start.
type Palette struct {
	URL string
	// APIKey is also what APIKeyFile holds, after loading.
	APIKey, APIKeyFile string
	// User and Password log in instead of an API key; System does so at the system console.
	User, Password string
	System         bool
	CA             string // PEM file, for Palette and for Advertise
	Name           string
	Kind           string // oci or pack
	Namespace      string
	Advertise      string // https://host[:port][/prefix], without a slash at the end
}

// Given reports whether any of it was set.
func (p Palette) Given() bool {
	return p.URL+p.APIKey+p.APIKeyFile+p.User+p.Password+p.CA+p.Name+p.Advertise != "" || p.System
}

// Follows reports whether a server shall keep entries in sync.
func (p Palette) Follows() bool { return p.URL != "" }

// Connects reports whether a server shall make an entry at start.
func (p Palette) Connects() bool { return p.Name != "" }

// entryName is what a name of an entry may be: it becomes part of an account's name, too.
var entryName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)

// checkPalette checks the form of what is given; what must not be missing depends on who asks: see Complete.
func (c *Config) checkPalette() error {
	p := &c.Palette
	if p.APIKeyFile != "" {
		// The file wins, as everywhere: it is the more careful way.
		text, err := SecretFile("palette.apikeyfile", p.APIKeyFile)
		if err != nil {
			return err
		}
		p.APIKey = text
	}
	if path, err := p.check(); err != nil {
		return c.wrong(path, "%v", err)
	}
	return nil
}

// Check is for settings that were changed after loading. Its error names the setting.
func (p *Palette) Check() error {
	path, err := p.check()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (p *Palette) check() (path string, err error) {
	kind := strings.ToLower(p.Kind)
	p.Advertise = strings.TrimRight(strings.TrimSpace(p.Advertise), "/")
	switch {
	case p.URL != "" && !isAddress(p.URL, true):
		return "palette.url", errors.New("the address of Palette cannot be used; write https://api.spectrocloud.com, or the domain of a self-hosted Palette, without user, password or query")
	case p.APIKey != "" && (p.User != "" || p.System):
		return "palette.user", errors.New("an API key and a user are given; keep one of them")
	case strings.ContainsFunc(p.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "palette.apikey", errors.New("the API key holds a space, a line break or another character that no key has; give the key alone, on one line")
	case p.Password != "" && p.User == "":
		return "palette.password", errors.New("a password is given but no user; set palette.user, or remove it")
	case kind != "oci" && kind != "pack":
		return "palette.kind", fmt.Errorf("%q is no kind of registry; use oci or pack", p.Kind)
	case p.Name != "" && !entryName.MatchString(p.Name):
		return "palette.name", fmt.Errorf("%q cannot be the name of an entry; use up to 64 letters, digits, dots, hyphens and underscores", p.Name)
	case p.Advertise != "" && !isAddress(p.Advertise, false):
		return "palette.advertise", errors.New("the address for Palette cannot be used; write https://host[:port], without user, password or query")
	}
	if err := pack.ValidateNamespace(p.Namespace); err != nil {
		return "palette.namespace", err
	}
	if kind == "pack" && p.Namespace != pack.DefaultNamespace {
		return "palette.namespace", fmt.Errorf("the kind pack shows the namespace %s alone; use the kind oci for another", pack.DefaultNamespace)
	}
	p.Kind = kind
	return "", nil
}

// isAddress accepts an https address; loose also one without a scheme, and plain HTTP, of which the client of Palette
// decides.
func isAddress(text string, loose bool) bool {
	if loose && !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || (loose && u.Scheme == "http")) && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// Complete says what is missing for speaking to Palette and, where connect, for making an entry there.
func (p Palette) Complete(connect bool) error {
	missing := func(path, why string) error { return fmt.Errorf("%s is missing: %s", path, why) }
	switch {
	case p.URL == "":
		return missing("palette.url", "name the address of Palette (REGISTRY_PALETTE_URL)")
	case p.APIKey == "" && p.User == "":
		return missing("palette.apikey", "give an API key of Palette (REGISTRY_PALETTE_API_KEY_FILE or REGISTRY_PALETTE_API_KEY), or palette.user with its password")
	case p.User != "" && p.Password == "":
		return missing("palette.password", "give the password of palette.user (REGISTRY_PALETTE_PASSWORD_FILE or REGISTRY_PALETTE_PASSWORD)")
	case connect && p.Name == "":
		return missing("palette.name", "name the entry in Palette (REGISTRY_PALETTE_NAME)")
	case connect && p.Advertise == "":
		return missing("palette.advertise", "name the https address at which Palette reaches this registry (REGISTRY_PALETTE_ADVERTISE)")
	}
	return nil
}
