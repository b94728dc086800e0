package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// Config is what a config.json says:
//
//	{"auths": {"SERVER": {"auth": "BASE64 OF user:password", "insecure": true}}, "defaultRegistry": "SERVER"}
//
// Everything may be missing, and there may be more, which is kept.
type Config struct {
	path  string
	rest  map[string]json.RawMessage            // the keys beside ours
	auths map[string]map[string]json.RawMessage // by server as written
	// defaultRegistry is as written.
	defaultRegistry string
}

// Server is an entry of a config.json.
type Server struct {
	Name     string // as written
	Insecure bool
	auth     string
	path     string
}

// Load reads a config.json; one that is not there, or is empty, says nothing.
func Load(path string) (*Config, error) {
	c := &Config{path: path, rest: map[string]json.RawMessage{}, auths: map[string]map[string]json.RawMessage{}}
	if path == "" {
		return c, nil
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return nil, pack.Errorf(pack.KindInternal, "settings_unreadable", "%s cannot be read: %s", path, cause(err))
	}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if len(text) == 0 {
		return c, nil
	}
	if err := json.Unmarshal(text, &c.rest); err != nil {
		return nil, broken(path, "", err)
	}
	if err := take(c.rest, "auths", &c.auths); err != nil {
		return nil, broken(path, "auths", err)
	}
	if err := take(c.rest, "defaultRegistry", &c.defaultRegistry); err != nil {
		return nil, broken(path, "defaultRegistry", err)
	}
	if c.rest == nil { // the text was null
		c.rest = map[string]json.RawMessage{}
	}
	if c.auths == nil {
		c.auths = map[string]map[string]json.RawMessage{}
	}
	for name := range c.auths {
		if _, err := c.server(name); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// take decodes a key into v and removes it.
func take(from map[string]json.RawMessage, key string, v any) error {
	text, ok := from[key]
	if !ok {
		return nil
	}
	delete(from, key)
	return json.Unmarshal(text, v)
}

// broken is the error of a file that makes no sense.
func broken(path, where string, err error) error {
	text := err.Error()
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		text = "a JSON " + wrong.Value + " is out of place"
	}
	if where != "" {
		text = where + ": " + text
	}
	return pack.Errorf(pack.KindInvalid, "settings_broken", "%s is broken (%s); mend it, or move it away and log in again", path, text)
}

// server is the entry of that name.
func (c *Config) server(name string) (Server, error) {
	s := Server{Name: name, path: c.path}
	for key, v := range map[string]any{"auth": &s.auth, "insecure": &s.Insecure} {
		text, ok := c.auths[name][key]
		if !ok {
			continue
		}
		if err := json.Unmarshal(text, v); err != nil {
			return Server{}, broken(c.path, fmt.Sprintf("%s of %s", key, name), err)
		}
	}
	return s, nil
}

// Credentials are those of the entry; none when it has no auth, which may be with a credential helper.
func (s Server) Credentials() (Credentials, error) {
	c, err := decode(s.auth)
	if err != nil {
		return c, pack.Errorf(pack.KindInvalid, "settings_broken",
			"%s is broken (auth of %s: %s); log in again, or write base64 of user:password", s.path, s.Name, err)
	}
	return c, nil
}

// Default is the default registry as written, or "".
func (c *Config) Default() string { return strings.TrimSpace(c.defaultRegistry) }

// Servers are all entries, sorted.
func (c *Config) Servers() []Server {
	var all []Server
	for _, name := range slices.Sorted(maps.Keys(c.auths)) {
		if s, err := c.server(name); err == nil { // Load has looked at them
			all = append(all, s)
		}
	}
	return all
}

// Find looks for a server, whichever way it is spelt here and there. Of several entries of one server the one spelt alike
// is meant, else one that holds credentials.
func (c *Config) Find(server string) (Server, bool) {
	var found Server
	ok := false
	for _, s := range c.Servers() {
		if s.Name == server {
			return s, true
		}
		if Same(s.Name, server) && (!ok || (found.auth == "" && s.auth != "")) {
			found, ok = s, true
		}
	}
	return found, ok
}

// Same reports whether two names mean one server.
func Same(a, b string) bool {
	x, errX := client.ParseAddress(a)
	y, errY := client.ParseAddress(b)
	if errX != nil || errY != nil {
		return a == b
	}
	return x.Name() == y.Name()
}

// cause is what the system said, without the path.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
