package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	envPrefix        = "REGISTRY_"
	envPassword      = "REGISTRY_ADMIN_PASSWORD"
	envPasswordFile  = "REGISTRY_ADMIN_PASSWORD_FILE"
	envFields        = "REGISTRY_LOG_FIELDS_"
	envHeaders       = "REGISTRY_HTTP_HEADERS_"
	envNamespaces    = "REGISTRY_NAMESPACES_"
	envOverwrite     = "_OVERWRITE"
	secretFileSuffix = "_FILE"
)

// serviceLink matches what Kubernetes and Docker put into the environment of every
// container when a service is named "registry".
var serviceLink = regexp.MustCompile(`^REGISTRY_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_[0-9]+_(TCP|UDP)(_.*)?)?|NAME)$`)

// environment lays the variables over the file. The names come from the table of
// keys, so that no struct tags have to repeat it (which is why no library reads
// them). An empty variable counts as not given: compose files and charts pass
// those through all the time.
func (l *loader) environment(environ []string) error {
	byEnv, names := map[string]key{}, []string{envPassword, envPasswordFile}
	for _, p := range l.order {
		k := l.keys[p]
		byEnv[k.rule()], byEnv[k.env()] = k, k
		names = append(names, k.env())
		if k.secret {
			names = append(names, k.env()+secretFileSuffix)
		}
	}
	given := slices.Clone(environ)
	slices.Sort(given)
	for _, entry := range given {
		name, value, _ := strings.Cut(entry, "=")
		if value == "" {
			continue
		}
		if !strings.HasPrefix(name, envPrefix) {
			l.misspeltPrefix(name, names)
			continue
		}
		if err := l.variable(name, value, byEnv, names); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) variable(name, value string, byEnv map[string]key, names []string) error {
	if k, ok := byEnv[name]; ok {
		n, err := node(k.target(l.cfg), value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return l.set(k, n, name)
	}
	if k, ok := byEnv[strings.TrimSuffix(name, secretFileSuffix)]; ok && k.secret {
		text, err := SecretFile(name, value)
		if err != nil {
			return err
		}
		return l.set(k, &yaml.Node{Kind: yaml.ScalarNode, Value: text}, name)
	}
	cut := func(prefix string) (string, bool) {
		rest, ok := strings.CutPrefix(name, prefix)
		return rest, ok && rest != ""
	}
	if field, ok := cut(envFields); ok {
		l.cfg.Log.Fields[strings.ToLower(field)] = value
		return nil
	}
	if header, ok := cut(envHeaders); ok {
		n, err := node(&l.cfg.HTTP.Headers, "{"+fmt.Sprintf("%q", strings.ReplaceAll(header, "_", "-"))+": "+flowList(value)+"}")
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return l.set(l.keys["http.headers"], n, name)
	}
	if ns, ok := cut(envNamespaces); ok && strings.HasSuffix(ns, envOverwrite) {
		ns = strings.ToLower(strings.TrimSuffix(ns, envOverwrite))
		n, err := node(&l.cfg.Namespaces, fmt.Sprintf("{%q: {overwrite: %q}}", ns, value))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return l.set(l.keys["namespaces"], n, name)
	}
	switch {
	case name == envPassword:
		if l.cfg.AdminPassword == "" {
			l.cfg.AdminPassword = value
		}
		return nil
	case name == envPasswordFile:
		text, err := SecretFile(name, value)
		l.cfg.AdminPassword = text // the file wins: it is the more careful way
		return err
	case serviceLink.MatchString(name):
		return nil
	}
	if s := suggest(name, names); s != "" {
		l.warn("%s is unknown and has no effect; did you mean %s?", name, s)
		return nil
	}
	l.warn("%s is unknown and has no effect", name)
	return nil
}

// misspeltPrefix warns of names such as REGSITRY_AUTH_HTPASSWD_REALM, which stands
// in the vendor's old samples; it was without effect there and stays so.
func (l *loader) misspeltPrefix(name string, names []string) {
	prefix, _, ok := strings.Cut(name, "_")
	if !ok || distance(prefix+"_", envPrefix) != 1 {
		return
	}
	if s := suggest(name, names); s != "" {
		l.warn("%s is unknown and has no effect; did you mean %s?", name, s)
	}
}

// node makes of a variable's text what the file would have held: for single
// values the text as it is, for lists the parts between commas or a YAML list, for
// maps a YAML mapping.
func node(target any, text string) (*yaml.Node, error) {
	switch target.(type) {
	case *List:
		if !strings.HasPrefix(strings.TrimSpace(text), "[") {
			n := &yaml.Node{Kind: yaml.SequenceNode}
			for part := range strings.SplitSeq(text, ",") {
				if part = strings.TrimSpace(part); part != "" {
					n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: part})
				}
			}
			return n, nil
		}
	case *map[string]string, *map[string]List, *map[string]Namespace:
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || doc.Kind == 0 {
		return nil, fmt.Errorf("%q is not YAML; write a list as [a, b] and a section as {name: value}", text)
	}
	return doc.Content[0], nil
}

// flowList quotes a header's value as a list of one, unless it is a YAML list already.
func flowList(value string) string {
	if strings.HasPrefix(value, "[") {
		return value
	}
	return fmt.Sprintf("[%q]", value)
}

// SecretFile reads a secret; the line break that editors add is no part of it.
func SecretFile(name, path string) (string, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%s: the file cannot be read: %w", name, err)
	}
	if !fi.Mode().IsRegular() || fi.Size() > 64<<10 {
		return "", fmt.Errorf("%s: %s must be a regular file of at most 64 KiB", name, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: the file cannot be read: %w", name, err)
	}
	s := strings.TrimRight(string(text), "\r\n")
	if s == "" {
		return "", fmt.Errorf("%s: %s is empty; write the secret into it", name, path)
	}
	return s, nil
}
