// Package scaffold writes new packs: empty ones to begin with, and packs made from a Helm chart. What it
// writes has nothing that the rules complain of, as far as that is its own work.
package scaffold

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"packregistry/internal/cli/unpack"
	"packregistry/internal/pack"
)

// Manifest is pack.json, in the order in which people read it.
type Manifest struct {
	Name          string            `json:"name"`
	DisplayName   string            `json:"displayName"`
	Version       string            `json:"version"`
	Layer         string            `json:"layer"`
	AddonType     string            `json:"addonType,omitempty"`
	CloudTypes    []string          `json:"cloudTypes"`
	Charts        []string          `json:"charts,omitempty"`
	KubeManifests []string          `json:"kubeManifests,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// encode writes pack.json.
func (m *Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(m)
	return b.Bytes(), err
}

// Files are the files of a pack, by slash separated path.
type Files map[string][]byte

// Write makes the folder dir of files, whole or not at all. more writes what is too large to be held; nil is nothing. A folder
// that is there and not empty is pack.KindConflict; with replace it goes.
func Write(dir string, replace bool, files Files, more func(folder *os.Root) error) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	parent, name := filepath.Split(abs)
	if name == "" {
		return pack.Errorf(pack.KindInvalid, "", "%s cannot become a pack", dir)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return unwritable(parent, err)
	}
	in, err := os.OpenRoot(parent)
	if err != nil {
		return unwritable(parent, err)
	}
	defer in.Close()
	return unpack.Place(in, name, replace, func(work *os.Root) (string, error) {
		const made = "pack"
		if err := work.Mkdir(made, 0o755); err != nil {
			return "", unwritable(dir, err)
		}
		folder, err := work.OpenRoot(made)
		if err != nil {
			return "", unwritable(dir, err)
		}
		return made, errors.Join(fill(folder, files, more), folder.Close())
	})
}

func fill(folder *os.Root, files Files, more func(*os.Root) error) error {
	for name, content := range files {
		if err := folder.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o755); err != nil {
			return unwritable(name, err)
		}
		if err := folder.WriteFile(filepath.FromSlash(name), content, 0o644); err != nil {
			return unwritable(name, err)
		}
	}
	if more == nil {
		return nil
	}
	return more(folder)
}

func unwritable(name string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return pack.Wrap(pack.KindInvalid, err, "%s cannot be written: %s", name, err)
}

// key writes a word so that YAML takes it for a text.
func key(word string) string {
	b, err := yaml.Marshal(word)
	if err != nil {
		return fmt.Sprintf("%q", word)
	}
	return strings.TrimSpace(string(b))
}

// label makes a name that Kubernetes takes for a namespace or an object (RFC 1123 label).
func label(name string) string {
	s := strings.NewReplacer(".", "-", "_", "-").Replace(name)
	if len(s) > 53 { // room for what charts append
		s = s[:53]
	}
	return strings.Trim(s, "-")
}

// Title makes a name for people of a pack's name: argo-cd becomes Argo Cd.
func Title(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}
