package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// Load reads the file (none when path is ""), lays the REGISTRY_* variables of
// environ ("NAME=value") over it and checks the result. Warnings are for what is
// unknown and therefore without effect. An error is one line that says which
// setting is wrong, where it stands, and how to mend it; it holds no secrets.
func Load(path string, environ []string) (*Config, []string, error) {
	l := &loader{cfg: defaults(), keys: map[string]key{}}
	for _, k := range keys() {
		l.keys[k.path] = k
		l.order = append(l.order, k.path)
	}
	if path != "" {
		if err := l.file(path); err != nil {
			return nil, nil, err
		}
	}
	if err := l.environment(environ); err != nil {
		return nil, nil, err
	}
	if err := l.cfg.complete(); err != nil {
		return nil, nil, err
	}
	return l.cfg, l.warnings, nil
}

type loader struct {
	cfg      *Config
	keys     map[string]key
	order    []string
	warnings []string
	name     string // of the file, as given
}

func (l *loader) warn(format string, args ...any) {
	l.warnings = append(l.warnings, fmt.Sprintf(format, args...))
}

func (l *loader) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the configuration file cannot be read: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("the configuration file cannot be read: %w", err)
	}
	if len(text) > maxFile {
		return fmt.Errorf("%s is larger than 1 MiB, which no configuration is", path)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("%s is not YAML: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if doc.Kind == 0 || isNull(doc.Content[0]) {
		return nil // empty, or only comments
	}
	l.name = path
	if doc.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: a configuration is a mapping of keys, such as \"http:\"", path, doc.Content[0].Line)
	}
	return l.section("", doc.Content[0], 0)
}

// section takes the keys of one mapping; prefix ends with a dot, or is "".
func (l *loader) section(prefix string, n *yaml.Node, depth int) error {
	if depth > 10 { // an alias that contains itself
		return fmt.Errorf("%s:%d: sections are nested too deeply", l.name, n.Line)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		path := prefix + name.Value
		at := fmt.Sprintf("%s:%d", l.name, name.Line)
		if seen[path] {
			return fmt.Errorf("%s: %s: the key is given twice; remove one", at, path)
		}
		seen[path] = true
		for value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		k, known := l.keys[path]
		switch {
		case l.hasChildren(path) && value.Kind == yaml.MappingNode:
			if err := l.section(path+".", value, depth+1); err != nil {
				return err
			}
		case known:
			if err := l.set(k, value, at); err != nil {
				return err
			}
		case l.hasChildren(path) && isNull(value):
		case l.hasChildren(path):
			return fmt.Errorf("%s: %s: a section with keys is expected here, such as %s", at, path, l.firstChild(path))
		default:
			l.unknown(at, path)
		}
	}
	return nil
}

func (l *loader) set(k key, n *yaml.Node, origin string) error {
	if err := set(k.target(l.cfg), n); err != nil {
		return fmt.Errorf("%s: %s: %w", origin, k.path, err)
	}
	if !isNull(n) {
		l.cfg.origins[k.path] = origin
	}
	return nil
}

func (l *loader) unknown(at, path string) {
	if s := suggest(path, l.order); s != "" {
		l.warn("%s: %s is unknown and has no effect; did you mean %s?", at, path, s)
		return
	}
	l.warn("%s: %s is unknown and has no effect", at, path)
}

func (l *loader) hasChildren(path string) bool { return l.firstChild(path) != "" }

func (l *loader) firstChild(path string) string {
	i := slices.IndexFunc(l.order, func(p string) bool { return strings.HasPrefix(p, path+".") })
	if i < 0 {
		return ""
	}
	return l.order[i]
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// wrong makes the one line for a setting that does not fit.
func (c *Config) wrong(path, format string, args ...any) error {
	text := path + ": " + fmt.Sprintf(format, args...)
	if at := c.origins[path]; at != "" {
		text = at + ": " + text
	}
	return errors.New(text)
}
