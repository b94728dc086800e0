package appliance

import (
	"os"
	"path/filepath"
	"slices"

	"packregistry/internal/certs"
)

// paths are where things lie below the root.
type paths struct{ root string }

func (p paths) at(parts ...string) string {
	root := p.root
	if root == "" {
		root = "/"
	}
	return filepath.Join(append([]string{root}, parts...)...)
}

func (p paths) etc(parts ...string) string {
	return p.at(append([]string{"etc", "pack-registry"}, parts...)...)
}

func (p paths) config() string     { return p.etc("config.yml") }
func (p paths) answers() string    { return p.etc("answers.yml") }
func (p paths) tlsDir() string     { return p.etc("tls") }
func (p paths) paletteKey() string { return p.etc("palette.key") }

// stateDir is the server's own (StateDirectory= of its unit).
func (p paths) stateDir() string { return p.at("var", "lib", "pack-registry") }

// within reports whether a path is a folder or lies below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// pending holds a made password until it was shown; a run that was interrupted before leaves it.
func (p paths) pending() string { return p.etc(".admin-password") }

// stale is there while the server runs with other settings than those that are written.
func (p paths) stale() string { return p.etc(".restart") }

func (p paths) run() string { return p.at("run", "pack-registry") }
func (p paths) pid() string { return filepath.Join(p.run(), "registry.pid") }
func (p paths) log() string { return p.at("var", "log", "pack-registry.log") }

// issueFile is what the console shows above its login; welcome the same until the next boot, with a made password.
func (p paths) issueFile() string { return p.at("etc", "issue.d", "pack-registry.issue") }
func (p paths) welcome() string   { return p.at("run", "issue.d", "pack-registry-password.issue") }

// certified are the names of the appliance's certificate, in the order of internal/certs; none when there is none.
func (p paths) certified() []string {
	text, err := os.ReadFile(filepath.Join(p.tlsDir(), certs.CertFile))
	if err != nil {
		return nil
	}
	c, err := firstCertificate(text)
	if err != nil {
		return nil
	}
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
