package scaffold

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"packregistry/internal/cli/chart"
	"packregistry/internal/pack"
)

// FromChart says how a pack is made of a Helm chart.
type FromChart struct {
	Chart *chart.Chart
	// From is where the chart came from, "" for this machine.
	From string
	// Name and Version of the pack; "" are the chart's.
	Name, Version          string
	DisplayName, AddonType string
	Layer                  string
	CloudTypes             []string
	// Logo is a PNG; nil draws one.
	Logo []byte
}

// Built is a pack that was made of a chart, all but the chart itself.
type Built struct {
	Manifest Manifest
	Files    Files
	// ChartPath is where the packed chart goes, byte for byte.
	ChartPath string
	Images    []string
	// Notes are for the author: what was decided, and what is left to do.
	Notes []string
}

// Build makes the pack. What cannot be made of the chart is pack.KindInvalid or pack.KindBadPack.
func (f FromChart) Build() (*Built, error) {
	c := f.Chart
	b := &Built{Images: c.Images()}
	m := Manifest{
		Name: f.Name, DisplayName: f.DisplayName, Version: f.Version, Layer: f.Layer, CloudTypes: f.CloudTypes,
		Annotations: map[string]string{"source": "community"},
	}
	if m.Name == "" {
		m.Name = string(c.Name)
	}
	if !slices.Contains(Layers(), m.Layer) {
		return nil, pack.Errorf(pack.KindInvalid, "", "there is no layer %q; it is one of %s", m.Layer, strings.Join(Layers(), ", "))
	}
	if err := pack.ValidateName(m.Name); err != nil {
		return nil, err
	}
	if m.Version == "" {
		m.Version = strings.ReplaceAll(strings.TrimPrefix(string(c.Version), "v"), "+", "-")
		if m.Version != string(c.Version) {
			b.note("the chart's version %s becomes %s as the version of the pack", c.Version, m.Version)
		}
	}
	if err := pack.ValidateVersion(m.Version); err != nil {
		return nil, err
	}
	if m.DisplayName == "" {
		m.DisplayName = Title(m.Name)
	}
	if m.Layer == "addon" {
		m.AddonType = f.AddonType
	}
	for name, value := range map[string]string{
		"description": string(c.Description), "docsURL": string(c.Home), "upstreamVersion": string(c.AppVersion), "upstreamRef": f.From,
	} {
		if value = shown(value); value != "" {
			m.Annotations[name] = value
		}
	}
	b.ChartPath = fmt.Sprintf("charts/%s-%s.tgz", c.Name, c.Version)
	m.Charts = []string{b.ChartPath}
	values, err := chartValues(string(c.Name), label(m.Name), b.Images, c.Values)
	if err != nil {
		return nil, err
	}
	manifest, err := m.encode()
	if err != nil {
		return nil, err
	}
	b.Manifest = m
	b.Files = Files{"pack.json": manifest, "values.yaml": values, "README.md": c.Readme, "logo.png": f.Logo}
	if len(c.Readme) == 0 {
		b.Files["README.md"] = readme(&m)
	}
	if f.Logo == nil {
		b.Files["logo.png"] = Logo(m.Name)
		b.note("logo.png was drawn from the name; put a real one in its place")
	}
	if len(b.Images) == 0 {
		b.note("the chart's default values name no images; list them under pack.content.images of values.yaml")
	}
	if missing := c.Missing(); len(missing) > 0 {
		b.note("the chart needs %s, which it does not carry; run helm dependency build on it and build again", strings.Join(missing, ", "))
	}
	return b, nil
}

func (b *Built) note(format string, args ...any) {
	b.Notes = append(b.Notes, fmt.Sprintf(format, args...))
}

// readme is for a chart that has none.
func readme(m *Manifest) []byte {
	text := "# " + m.DisplayName + "\n"
	if d := m.Annotations["description"]; d != "" {
		text += "\n" + d + "\n"
	}
	text += fmt.Sprintf("\nThis pack installs the Helm chart `%s`.\n", strings.TrimPrefix(m.Charts[0], "charts/"))
	if u := m.Annotations["docsURL"]; u != "" {
		text += "\nDocumentation: " + u + "\n"
	}
	return []byte(text)
}

// shown makes a text from a chart fit for a list: without what breaks lines or turns the direction of writing.
func shown(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
