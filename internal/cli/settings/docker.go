package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// Docker is what Docker's config.json says of credentials. It is read, never written.
type Docker struct {
	path        string
	CredsStore  string            `json:"credsStore"`
	CredHelpers map[string]string `json:"credHelpers"`
	Auths       map[string]struct {
		Auth string `json:"auth"`
	} `json:"auths"`
}

// DockerPath is where Docker's config.json lies: in DOCKER_CONFIG, else in .docker of the user's home; "" without one.
func DockerPath(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	if user := userHome(getenv); user != "" {
		return filepath.Join(user, ".docker", "config.json")
	}
	return ""
}

// LoadDocker reads it; one that is not there says nothing.
func LoadDocker(path string) (*Docker, error) {
	d := &Docker{path: path}
	if path == "" {
		return d, nil
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d, nil
	case err != nil:
		return nil, pack.Errorf(pack.KindInternal, "settings_unreadable", "Docker's %s cannot be read: %s", path, cause(err))
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, pack.Errorf(pack.KindInvalid, "settings_broken", "Docker's %s is broken (%s)", path, err)
	}
	return d, nil
}

// Helper is the credential helper for a server; "" is none. As with Docker one of credHelpers goes before
// credsStore, and an empty one there means none.
func (d *Docker) Helper(server string) Helper {
	if name, ok := lookup(d.CredHelpers, server); ok {
		return Helper(name)
	}
	return Helper(d.CredsStore)
}

// Credentials are those that the file itself holds for a server.
func (d *Docker) Credentials(server string) (Credentials, error) {
	entry, ok := lookup(d.Auths, server)
	if !ok {
		return Credentials{}, nil
	}
	c, err := decode(entry.Auth)
	if err != nil {
		return c, pack.Errorf(pack.KindInvalid, "settings_broken", "Docker's %s is broken (auth of %s: %s)", d.path, server, err)
	}
	return c, nil
}

// lookup finds a server in a table of Docker's: spelt alike, the same server, or the same host and port, for Docker's
// own names may carry an old API path.
func lookup[T any](table map[string]T, server string) (found T, ok bool) {
	if v, ok := table[server]; ok {
		return v, true
	}
	wanted, err := client.ParseAddress(server)
	if err != nil {
		return found, false
	}
	best := 0
	for _, name := range slices.Sorted(maps.Keys(table)) {
		a, err := client.ParseAddress(name)
		if err != nil {
			continue
		}
		rank := 0
		switch {
		case a.Name() == wanted.Name():
			rank = 2
		case a.Authority() == wanted.Authority():
			rank = 1
		}
		if rank > best {
			best, found, ok = rank, table[name], true
		}
	}
	return found, ok
}

// key is the name under which a helper keeps a server.
func key(server string) string {
	a, err := client.ParseAddress(server)
	if err != nil {
		return server
	}
	return a.Name()
}
