// Package chart reads Helm charts: what a chart says of itself, its default values, and the images
// named there. It finds charts in directories, archives, chart repositories (https) and OCI registries,
// and packs a directory as "helm package" does. It renders no templates.
//
// A chart comes from anywhere, so it is read with the strictness of pack/archive and within limits.
package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
)

// Bounds on what is read of a chart, in bytes.
const (
	MaxArchive = 64 << 20 // the packed chart
	maxMeta    = 1 << 20  // Chart.yaml
	maxValues  = 8 << 20
	maxReadme  = 1 << 20
	maxHeld    = 64 << 20 // of all that is held of a chart, subcharts included
	maxNested  = 4        // charts in charts in charts
)

// Metadata is Chart.yaml (https://helm.sh/docs/topics/charts/#the-chartyaml-file), as far as it is used.
type Metadata struct {
	Name         text         `yaml:"name"`
	Version      text         `yaml:"version"`
	AppVersion   text         `yaml:"appVersion"`
	Description  text         `yaml:"description"`
	Home         text         `yaml:"home"`
	Icon         text         `yaml:"icon"`
	Type         text         `yaml:"type"`
	Dependencies []Dependency `yaml:"dependencies"`
}

// Dependency is a subchart that a chart names.
type Dependency struct {
	Name       text `yaml:"name"`
	Alias      text `yaml:"alias"`
	Condition  text `yaml:"condition"`
	Repository text `yaml:"repository"`
}

// Chart is a chart that was read.
type Chart struct {
	Metadata
	Values []byte // values.yaml as it is; nil when there is none
	Readme []byte // README.md, nil when there is none or it is over 1 MiB

	values    *yaml.Node // of Values; nil when they are empty
	subcharts []*Chart
}

// text takes any scalar as it is written: a version 1.10 is not the number 1.1.
type text string

// UnmarshalYAML takes the scalar's own spelling.
func (t *text) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a text is expected", n.Line)
	}
	if n.Tag != "!!null" {
		*t = text(strings.TrimSpace(n.Value))
	}
	return nil
}

// Read reads a packed chart. What is wrong with it is pack.KindBadPack, and pack.KindUnsupported when it is
// no tar.gz at all.
func Read(ctx context.Context, src io.ReaderAt, size int64) (*Chart, error) {
	budget := int64(maxHeld)
	c, err := read(ctx, src, size, &budget, 0)
	if err != nil {
		return nil, err
	}
	return c, c.usable()
}

// usable refuses a chart that Helm would not install. Name and version become parts of a file's name.
func (c *Chart) usable() error {
	switch {
	case !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$`).MatchString(string(c.Name)):
		return bad("the chart's name %q is none that Helm takes", c.Name)
	case !regexp.MustCompile(`^v?[0-9][0-9A-Za-z.+-]{0,127}$`).MatchString(string(c.Version)):
		return bad("the chart's version %q is none that Helm takes", c.Version)
	case c.Type == "library":
		return bad("%s is a library for other charts and installs nothing", c.Name)
	}
	return nil
}

func read(ctx context.Context, src io.ReaderAt, size int64, budget *int64, depth int) (*Chart, error) {
	if format, ok := archive.Detect(src, size); !ok || format != pack.FormatTarGz {
		return nil, pack.Errorf(pack.KindUnsupported, "", "this is no Helm chart; a packed chart is a .tgz")
	}
	held := map[string][]byte{}
	roots := map[string]bool{}
	_, err := archive.Walk(ctx, src, size, archive.DefaultLimits(), func(e *archive.Entry, body io.Reader) error {
		if e.Dir || !wanted(e.Path) {
			return nil
		}
		if dir, file := path.Split(e.Path); file == "Chart.yaml" && strings.Count(dir, "/") <= 1 {
			roots[strings.TrimSuffix(dir, "/")] = true
		}
		b, err := hold(e.Path, body, budget)
		held[e.Path] = b
		return err
	})
	var refused *pack.Error
	switch {
	case errors.As(err, &refused) && refused.Kind == pack.KindBadPack && len(refused.Findings) > 0:
		return nil, bad("the chart's archive is refused: %s", refused.Findings[0].Message)
	case err != nil:
		return nil, err
	case len(roots) == 0:
		return nil, bad("there is no Chart.yaml in the archive's top folder; is it a Helm chart?")
	case len(roots) > 1 && !roots[""]:
		return nil, bad("there is more than one chart in the archive")
	}
	return assemble(ctx, held, slices.Min(slices.Collect(maps.Keys(roots))), budget, depth)
}

// wanted reports whether a file is read: those that describe a chart, and charts inside it.
func wanted(p string) bool {
	switch file := path.Base(p); {
	case file == "Chart.yaml", file == "values.yaml", file == "requirements.yaml", strings.EqualFold(file, "README.md"):
		return !strings.Contains("/"+p, "/templates/")
	default:
		return strings.HasSuffix(file, ".tgz") && path.Base(path.Dir(p)) == "charts"
	}
}

// hold reads a file that may be longer than its bound only at the price of being left out.
func hold(p string, body io.Reader, budget *int64) ([]byte, error) {
	limit := int64(maxMeta)
	switch {
	case strings.HasSuffix(p, "values.yaml"):
		limit = maxValues
	case strings.HasSuffix(p, ".tgz"):
		limit = maxHeld
	case strings.EqualFold(path.Base(p), "README.md"):
		limit = maxReadme
	}
	b, err := io.ReadAll(io.LimitReader(body, min(limit, *budget)+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) > *budget:
		return nil, bad("the chart and its subcharts hold more than %d MiB of descriptions and values", maxHeld>>20)
	case int64(len(b)) > limit && strings.EqualFold(path.Base(p), "README.md"):
		return nil, nil
	case int64(len(b)) > limit:
		return nil, bad("%s of the chart is larger than %d MiB", p, limit>>20)
	}
	*budget -= int64(len(b))
	return b, nil
}

// assemble makes the chart whose files lie below a folder, with its subcharts.
func assemble(ctx context.Context, held map[string][]byte, dir string, budget *int64, depth int) (*Chart, error) {
	at := func(name string) []byte { return held[path.Join(dir, name)] }
	c := &Chart{Values: at("values.yaml")}
	if err := decode(at("Chart.yaml"), &c.Metadata); err != nil {
		return nil, bad("Chart.yaml of the chart cannot be read: %s", err)
	}
	if old := at("requirements.yaml"); old != nil && len(c.Dependencies) == 0 { // of apiVersion v1
		if err := decode(old, &c.Metadata); err != nil {
			return nil, bad("requirements.yaml of the chart cannot be read: %s", err)
		}
	}
	if c.Name == "" || c.Version == "" {
		return nil, bad("Chart.yaml of the chart says no name or no version")
	}
	var err error
	if c.values, err = parse(c.Values); err != nil {
		return nil, bad("values.yaml of the chart %s cannot be read: %s", c.Name, err)
	}
	inner := map[string]bool{}
	for p, content := range held {
		if strings.EqualFold(p, path.Join(dir, "README.md")) {
			c.Readme = content
		}
		rest, below := strings.CutPrefix(p, path.Join(dir, "charts")+"/")
		name, file, folder := strings.Cut(rest, "/")
		// As Helm does: hidden ones and other files beside the subcharts are nobody's.
		if below && !strings.ContainsAny(name[:1], "._") && (file == "Chart.yaml" || !folder && strings.HasSuffix(name, ".tgz")) {
			inner[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inner)) {
		sub, err := c.subchart(ctx, held, path.Join(dir, "charts", name), budget, depth+1)
		if err != nil {
			return nil, err
		}
		c.subcharts = append(c.subcharts, sub)
	}
	return c, nil
}

func (c *Chart) subchart(ctx context.Context, held map[string][]byte, p string, budget *int64, depth int) (*Chart, error) {
	if depth > maxNested {
		return nil, bad("the chart nests subcharts deeper than %d", maxNested)
	}
	packed, ok := held[p]
	if !ok {
		return assemble(ctx, held, p, budget, depth)
	}
	return read(ctx, bytes.NewReader(packed), int64(len(packed)), budget, depth)
}

// Missing names the dependencies that the chart needs and does not carry: it cannot be installed like that.
func (c *Chart) Missing() []string {
	var out []string
	for _, d := range c.Dependencies {
		there := slices.ContainsFunc(c.subcharts, func(s *Chart) bool { return s.Name == d.Name })
		if !there && d.Name != "" {
			out = append(out, string(d.Name))
		}
	}
	return out
}

// decode reads a file that describes a chart.
func decode(b []byte, v any) error {
	root, err := check.ParseYAML(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), check.MaxYAMLItems)
	if err != nil || root == nil {
		return err
	}
	if err := root.Decode(v); err != nil {
		return errors.New(strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "yaml: "))
	}
	return nil
}

// parse reads values; nil for those that are empty.
func parse(b []byte) (*yaml.Node, error) {
	root, err := check.ParseYAML(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), check.MaxYAMLItems)
	if err == nil && root != nil && root.Kind != yaml.MappingNode {
		return nil, errors.New("it is no mapping")
	}
	return root, err
}

func bad(format string, args ...any) error {
	return pack.Errorf(pack.KindBadPack, "chart_invalid", format, args...)
}
