package palettetest

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxFile bounds a file that is kept.
const maxFile = 64 << 20

// version is what a sync keeps of one version of a pack (contract 4.4).
type version struct {
	Digest string `json:"-"` // of the manifest

	Name         string            `json:"name"`
	Version      string            `json:"version"`
	DisplayName  string            `json:"displayName"`
	Layer        string            `json:"layer"`
	Group        string            `json:"group"`
	AddonType    string            `json:"addonType"`
	AddonSubType string            `json:"addonSubType"`
	CloudTypes   []string          `json:"cloudTypes"`
	Annotations  map[string]string `json:"annotations"`

	Values, Readme string `json:"-"`
}

func (v *version) key() string { return keyOf(v.Name, v.Version) }

// keyOf is what a version of a pack is kept under.
func keyOf(name, ver string) string { return name + " " + ver }

// readArchive reads a layer to its end: a gzip tar with one folder, in which pack.json and values.yaml lie (contract 3.2
// and 5.1). Files at the root are refused: whether Palette takes them is not known.
func readArchive(r io.Reader) (*version, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("the layer is no gzip: %w", err)
	}
	var (
		top   string
		kept  = map[string][]byte{}
		files = tar.NewReader(z)
	)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the layer is no tar: %w", err)
		}
		folder, path, deep := strings.Cut(strings.TrimPrefix(h.Name, "./"), "/")
		switch {
		case folder == "" || folder == ".":
			continue
		case !deep && h.Typeflag != tar.TypeDir:
			return nil, fmt.Errorf("the file %s lies at the root of the archive", h.Name)
		case top != "" && folder != top:
			return nil, fmt.Errorf("the archive has the folders %s and %s", top, folder)
		}
		top = folder
		if h.Typeflag != tar.TypeReg || (path != "pack.json" && path != "values.yaml" && path != "README.md") {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(files, maxFile))
		if err != nil {
			return nil, fmt.Errorf("the archive cannot be read: %w", err)
		}
		kept[path] = text
	}
	// To the very end: the gzip trailer, and all bytes for the digest.
	if _, err := io.Copy(io.Discard, z); err != nil {
		return nil, fmt.Errorf("the archive cannot be read: %w", err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	for _, path := range []string{"pack.json", "values.yaml"} {
		if _, ok := kept[path]; !ok {
			return nil, fmt.Errorf("the archive has no %s", path)
		}
	}
	v := &version{}
	if err := json.Unmarshal(kept["pack.json"], v); err != nil {
		return nil, fmt.Errorf("pack.json: %w", err)
	}
	v.Values, v.Readme = string(kept["values.yaml"]), string(kept["README.md"])
	switch v.Layer {
	case "kernel", "os", "k8s", "cni", "csi", "addon":
		return v, nil
	}
	return nil, fmt.Errorf("pack.json has the layer %q", v.Layer)
}
