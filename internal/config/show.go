package config

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// hidden stands in the place of a secret.
const hidden = "********"

// Show writes the effective configuration as YAML, without secrets. Apart from
// those it loads again to the same configuration.
func (c *Config) Show(w io.Writer) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range keys() {
		if k.quiet || k.path == "storage" || (c.Storage.Driver != DriverS3 && strings.HasPrefix(k.path, "storage.s3.")) {
			continue
		}
		if c.Storage.Driver == DriverInMemory && k.path == "database.url" {
			continue
		}
		if strings.HasPrefix(k.path, "http.tls.letsencrypt.") && len(c.HTTP.TLS.LetsEncrypt.Hosts) == 0 {
			continue
		}
		if strings.HasPrefix(k.path, "palette.") && !c.Palette.Given() {
			continue
		}
		n := &yaml.Node{}
		if err := n.Encode(k.shown(c)); err != nil {
			return fmt.Errorf("%s: %w", k.path, err)
		}
		if n.Kind == yaml.SequenceNode {
			n.Style = yaml.FlowStyle
		}
		insert(root, strings.Split(k.path, "."), n)
	}
	if c.Storage.Driver == DriverInMemory {
		insert(root, []string{"storage", DriverInMemory}, &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle})
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return err
	}
	return enc.Close()
}

// shown is the key's value, with secrets hidden.
func (k key) shown(c *Config) any {
	switch t := k.target(c).(type) {
	case *string:
		switch {
		case strings.Contains(*t, "://") && (!k.secret || k.path == "database.url"):
			return redactURL(*t)
		case k.secret && *t != "":
			return hidden
		}
		return *t
	case *present:
		return ""
	case *bool:
		return *t
	case *int:
		return *t
	case *Size:
		return t.String()
	case *Duration:
		return t.String()
	case *List:
		return slices.Clone(*t)
	case *map[string]string:
		return *t
	case *map[string]List:
		return *t
	case *map[string]Namespace:
		m := map[string]map[string]bool{}
		for name, ns := range *t {
			m[name] = map[string]bool{"overwrite": ns.Overwrite}
		}
		return m
	}
	return nil
}

var secretParameter = regexp.MustCompile(`(?i)(password|secret|token)=[^&]*`)

// redactURL hides the password of a URL, also one given as a parameter.
func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return hidden
	}
	if _, ok := u.User.Password(); ok {
		u.User = url.UserPassword(u.User.Username(), "xxxxx")
	}
	u.RawQuery = secretParameter.ReplaceAllString(u.RawQuery, "${1}=xxxxx")
	return u.String()
}

// insert puts a value below the named sections, making them as needed.
func insert(section *yaml.Node, path []string, value *yaml.Node) {
	for i := 0; i < len(section.Content); i += 2 {
		if section.Content[i].Value == path[0] {
			insert(section.Content[i+1], path[1:], value)
			return
		}
	}
	name := &yaml.Node{Kind: yaml.ScalarNode, Value: path[0]}
	if len(path) > 1 {
		inner := &yaml.Node{Kind: yaml.MappingNode}
		insert(inner, path[1:], value)
		value = inner
	}
	section.Content = append(section.Content, name, value)
}

// Table is the table of all keys for the documentation, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| key | environment | default | meaning |\n|---|---|---|---|\n")
	d := defaults()
	d.HTTP.Headers = nil
	for _, k := range keys() {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", k.path, k.env(), k.defaultText(d), k.doc)
	}
	return b.String()
}

func (k key) defaultText(d *Config) string {
	var s string
	switch v := k.shown(d).(type) {
	case List:
		s = strings.Join(v, ", ")
	case map[string]string:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			s += name + ": " + v[name]
		}
	case map[string]List, map[string]map[string]bool:
	default:
		s = fmt.Sprint(v)
	}
	switch {
	case k.path == "http.headers":
		return "see below"
	case s == "":
		return ""
	}
	return "`" + s + "`"
}
