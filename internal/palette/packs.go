package palette

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// Pack is what Palette shows of one pack of one registry (contract 4.4, swagger v1PackTagEntity).
type Pack struct {
	Name, DisplayName, Layer, RegistryUID string
	// Versions are in Palette's order, which is that of text.
	Versions []PackVersion
}

// PackVersion is one version that Palette shows.
type PackVersion struct {
	// Version is as pack.json spells it; Tag has the group in front of it.
	Version, Tag, Group, UID string
	ParentTags               []string
	// Values is values.yaml as Palette has it. Where it is empty although the pack's is not, the sync has gone wrong
	// (contract 3.7, observed).
	Values string
}

// Version is the version of that spelling.
func (p *Pack) Version(version string) (PackVersion, bool) {
	for _, v := range p.Versions {
		if v.Version == version {
			return v, true
		}
	}
	return PackVersion{}, false
}

// Visible reports whether Palette shows the version, and has its values. empty tells that the pack's values.yaml is empty,
// as in some real packs.
func (p *Pack) Visible(version string, empty bool) bool {
	v, there := p.Version(version)
	return there && (empty || strings.TrimSpace(v.Values) != "")
}

// Pack reads what Palette shows of a pack of a registry. The error is of pack.KindNotFound when it shows nothing of it.
func (c *Client) Pack(ctx context.Context, registryUID, name string) (*Pack, error) {
	r := &request{
		what: "show the pack " + name, method: http.MethodGet,
		path: "/v1/packs/" + url.PathEscape(name) + "/registries/" + url.PathEscape(registryUID),
	}
	var answer struct {
		Name        string `json:"name"`
		DisplayName string `json:"displayName"`
		Layer       string `json:"layer"`
		RegistryUID string `json:"registryUid"`
		Tags        []struct {
			Tag        string   `json:"tag"`
			Version    string   `json:"version"`
			Group      string   `json:"group"`
			PackUID    string   `json:"packUid"`
			ParentTags []string `json:"parentTags"`
		} `json:"tags"`
		PackValues []struct {
			PackUID string `json:"packUid"`
			Values  string `json:"values"`
		} `json:"packValues"`
	}
	if err := c.do(ctx, r, &answer); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, v := range answer.PackValues {
		values[v.PackUID] = v.Values
	}
	p := &Pack{Name: answer.Name, DisplayName: answer.DisplayName, Layer: answer.Layer, RegistryUID: answer.RegistryUID}
	for _, t := range answer.Tags {
		p.Versions = append(p.Versions, PackVersion{
			Version: t.Version, Tag: t.Tag, Group: t.Group, UID: t.PackUID, ParentTags: t.ParentTags, Values: values[t.PackUID],
		})
	}
	return p, nil
}
