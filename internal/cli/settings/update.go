package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
	"github.com/rogpeppe/go-internal/robustio"

	"packregistry/internal/pack"
)

// Update changes the config.json of a home. Processes that do so at once wait for each other, readers see the old file
// or the new one, and a file that is broken is left as it is. The folder is made (0700) when it is not there; the file
// is the owner's alone (0600).
func Update(home string, change func(*Config) error) error {
	path := Path(home)
	if err := update(home, path, change); err != nil {
		if errors.As(err, new(*pack.Error)) {
			return err
		}
		return pack.Errorf(pack.KindInternal, "settings_unwritable", "%s cannot be written: %s", path, cause(err))
	}
	return nil
}

func update(home, path string, change func(*Config) error) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	unlock, err := lockedfile.MutexAt(path + ".lock").Lock()
	switch {
	case err == nil:
		defer unlock()
	case !errors.Is(err, errors.ErrUnsupported): // a file system without locks still gets a whole file
		return err
	}
	c, err := Load(path)
	if err != nil {
		return err
	}
	if err := change(c); err != nil {
		return err
	}
	text, err := c.encode()
	if err != nil {
		return err
	}
	// A link, as those who keep such files elsewhere make it, stays one.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return replace(path, text)
}

// replace writes a file beside another and puts it in its place.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".config-*.json") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = robustio.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// encode writes the file's text. Keys come sorted.
func (c *Config) encode() ([]byte, error) {
	all := map[string]any{"auths": c.auths}
	for key, v := range c.rest {
		all[key] = v
	}
	if c.defaultRegistry != "" {
		all["defaultRegistry"] = c.defaultRegistry
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(all)
	return b.Bytes(), err
}

// Set writes the entry of a server in place of all that mean it. Keys of theirs that are not ours stay. No credentials
// leave no auth: they are with a credential helper.
func (c *Config) Set(server string, account Credentials, insecure bool) {
	entry := map[string]json.RawMessage{}
	if old, ok := c.Find(server); ok {
		for key, v := range c.auths[old.Name] {
			entry[key] = v
		}
	}
	delete(entry, "auth")
	delete(entry, "insecure")
	if account.Username != "" {
		entry["auth"] = json.RawMessage(`"` + account.encode() + `"`) // base64 needs no escapes
	}
	if insecure {
		entry["insecure"] = json.RawMessage("true")
	}
	c.drop(server)
	c.auths[strings.TrimRight(strings.TrimSpace(server), "/")] = entry
}

// SetDefault makes a server the one that commands mean which name none.
func (c *Config) SetDefault(server string) { c.defaultRegistry = server }

// Remove forgets a server, also as the default, and reports whether there was an entry of it.
func (c *Config) Remove(server string) bool {
	if Same(c.Default(), server) {
		c.defaultRegistry = ""
	}
	return c.drop(server)
}

// drop removes all entries that mean a server.
func (c *Config) drop(server string) bool {
	n := len(c.auths)
	for name := range c.auths {
		if Same(name, server) {
			delete(c.auths, name)
		}
	}
	return len(c.auths) < n
}
