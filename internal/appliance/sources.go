package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Sources are where answers come from: an answer of a flag wins over that of the file, and that over
// the one of the hypervisor. What is empty counts as not given.
type Sources struct {
	Flags map[string]string // by Question.Key
	// File is YAML. "" is answers.yml beside the configuration, if it is there.
	File string
	// Guest asks the hypervisor; nil is not to ask.
	Guest *Guest
}

// collect asks all of them.
func (s Sources) collect(ctx context.Context, p paths, log *slog.Logger) (*Answers, error) {
	values := map[string]string{}
	if s.Guest != nil {
		given, err := s.Guest.answers(ctx, log)
		if err != nil {
			return nil, err
		}
		merge(values, given)
	}
	file := s.File
	if file == "" {
		file = p.answers()
	}
	given, err := readAnswers(file, log)
	if err != nil && (s.File != "" || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	merge(values, given)
	merge(values, s.Flags)
	return answer(values), nil
}

// merge lays values over others; an empty one is none.
func merge(values, over map[string]string) {
	for key, v := range over {
		if strings.TrimSpace(v) != "" {
			values[key] = v
		}
	}
}

// readAnswers reads a file.
func readAnswers(path string, log *slog.Logger) (map[string]string, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, fmt.Errorf("the answers cannot be read: %w", err)
	}
	values, err := parseAnswers(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	fi, err := os.Stat(path)
	if err == nil && fi.Mode().Perm()&0o077 != 0 && holdsSecret(values) {
		log.Warn("the answers hold secrets, and others than you may read them: chmod 600", "file", path)
	}
	return values, nil
}

func holdsSecret(values map[string]string) bool {
	for _, q := range Questions() {
		if q.Secret && values[q.Key] != "" {
			return true
		}
	}
	return false
}

// parseAnswers reads YAML: sections, or keys with dots.
func parseAnswers(text []byte) (map[string]string, error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF): // nothing, or comments alone
		return nil, nil
	case err != nil:
		return nil, noYAML(err)
	}
	switch err := dec.Decode(new(yaml.Node)); {
	case err == nil:
		return nil, errors.New("a second document begins with ---: write all answers into one")
	case !errors.Is(err, io.EOF):
		return nil, noYAML(err)
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode && top.Tag != "!!null" {
		return nil, fmt.Errorf("line %d: an answer has no name; write name: value", top.Line)
	}
	values := map[string]string{}
	if err := flatten(top, "", values); err != nil {
		return nil, err
	}
	return values, known(values)
}

func noYAML(err error) error {
	return fmt.Errorf("no YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
}

// known refuses what nobody would read: an answer that is misspelt would be lost in silence.
func known(values map[string]string) error {
	for key := range values {
		if !slices.ContainsFunc(Questions(), func(q Question) bool { return q.Key == key }) {
			return fmt.Errorf("the answer %q is unknown; registry appliance init --help lists them all", key)
		}
	}
	return nil
}

func flatten(n *yaml.Node, key string, values map[string]string) error {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			path := n.Content[i].Value
			if key != "" {
				path = key + "." + path
			}
			if err := flatten(n.Content[i+1], path, values); err != nil {
				return err
			}
		}
		return nil
	case yaml.SequenceNode:
		var parts []string
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: %s: a list of plain values is expected", c.Line, key)
			}
			parts = append(parts, c.Value)
		}
		return put(values, n, key, strings.Join(parts, ","))
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return nil
		}
		return put(values, n, key, n.Value)
	}
	return fmt.Errorf("line %d: %s: a plain value is expected", n.Line, key)
}

func put(values map[string]string, n *yaml.Node, key, value string) error {
	if _, twice := values[key]; twice || key == "" {
		return fmt.Errorf("line %d: %s is given twice, or has no name", n.Line, key)
	}
	values[key] = value
	return nil
}
