package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"

	"packregistry/internal/cli/chart"
	"packregistry/internal/pack"
)

// The templates of new packs, with [[ ]] around what is filled in: {{ }} belongs to the packs.
//
//go:embed files
var templates embed.FS

// Types are the kinds of new packs.
func Types() []string { return []string{"manifest", "chart"} }

// Layers are those that a pack may have.
func Layers() []string { return []string{"kernel", "os", "k8s", "cni", "csi", "addon"} }

// New says what a new pack is to be.
type New struct {
	Name, Version, DisplayName string
	Layer                      string // one of Layers
	AddonType                  string // of layer addon
	CloudTypes                 []string
	Type                       string // one of Types
}

// check refuses what could not be pushed.
func (n *New) check() error {
	if err := pack.ValidateName(n.Name); err != nil {
		return err
	}
	if err := pack.ValidateVersion(n.Version); err != nil {
		return err
	}
	switch {
	case !slices.Contains(Layers(), n.Layer):
		return pack.Errorf(pack.KindInvalid, "", "there is no layer %q; it is one of %s", n.Layer, strings.Join(Layers(), ", "))
	case !slices.Contains(Types(), n.Type):
		return pack.Errorf(pack.KindInvalid, "", "there is no type %q; it is one of %s", n.Type, strings.Join(Types(), ", "))
	}
	return nil
}

// Files makes the files of the pack. Its errors are of pack.KindInvalid.
func (n New) Files() (Files, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	m := Manifest{
		Name: n.Name, DisplayName: n.DisplayName, Version: n.Version, Layer: n.Layer, CloudTypes: n.CloudTypes,
		Annotations: map[string]string{"source": "community"},
	}
	if m.DisplayName == "" {
		m.DisplayName = Title(n.Name)
	}
	if n.Layer == "addon" {
		m.AddonType = n.AddonType
	}
	data := struct {
		Manifest                 *Manifest
		Label, Key, ChartVersion string
	}{&m, key(label(n.Name)), key(n.Name), chartVersion(n.Version)}
	files := Files{"logo.png": Logo(n.Name)}
	folder := path.Join("files", n.Type)
	err := fs.WalkDir(templates, folder, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := templates.ReadFile(p)
		if err != nil {
			return err
		}
		t, err := template.New(p).Delims("[[", "]]").Parse(string(text))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := t.Execute(&out, data); err != nil {
			return err
		}
		name := strings.ReplaceAll(strings.TrimPrefix(p, folder+"/"), "NAME", n.Name)
		files[name] = out.Bytes()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the template of a new pack: %w", err)
	}
	switch n.Type {
	case "manifest":
		m.KubeManifests = []string{"manifests/" + n.Name + ".yaml"}
	case "chart":
		packed := "charts/" + n.Name + "-" + data.ChartVersion + ".tgz"
		if files[packed], err = chart.PackFiles(n.Name, below(files, "charts/"+n.Name+"/")); err != nil {
			return nil, err
		}
		m.Charts = []string{packed}
	}
	files["pack.json"], err = m.encode()
	return files, err
}

// chartVersion is the version of the chart inside, which must be a semantic one.
func chartVersion(version string) string {
	if chart.IsVersion(version) {
		return strings.TrimPrefix(version, "v")
	}
	return "0.1.0"
}

// below gives the files below a folder, with their paths there.
func below(files Files, folder string) map[string][]byte {
	out := map[string][]byte{}
	for name, content := range files {
		if rest, ok := strings.CutPrefix(name, folder); ok {
			out[rest] = content
		}
	}
	return out
}
