package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"packregistry/internal/pack"
)

// Query is a search (GET /packs). Zero values ask nothing.
type Query struct {
	Text                                    string
	Layers, AddonTypes, CloudTypes, Sources []string
	Deprecated                              *bool
	Sort                                    string // relevance, name, updated
	Limit                                   int    // of a page, at most 1000; 0 is the server's default
	Cursor                                  string
	Facets                                  bool
}

// Page is one page of packs, each with its newest version.
type Page struct {
	Items     []pack.Version          `json:"items"`
	Facets    map[string][]FacetValue `json:"facets,omitempty"`
	Next      string                  `json:"next"` // "" at the end
	Total     int                     `json:"total,omitempty"`
	Estimated bool                    `json:"estimated,omitempty"`
}

// FacetValue is a value of a filter and how many packs have it.
type FacetValue struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Pack is a pack with its versions, newest first, and its tags.
type Pack struct {
	Namespace string         `json:"namespace"`
	Name      string         `json:"name"`
	Latest    string         `json:"latest"`
	Versions  []pack.Version `json:"versions"`
	Tags      []pack.Tag     `json:"tags"`
}

func (q Query) values() url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("q", q.Text)
	set("sort", q.Sort)
	set("cursor", q.Cursor)
	for name, values := range map[string][]string{"layer": q.Layers, "addonType": q.AddonTypes, "cloudType": q.CloudTypes, "source": q.Sources} {
		if len(values) > 0 {
			v[name] = values
		}
	}
	if q.Deprecated != nil {
		v.Set("deprecated", strconv.FormatBool(*q.Deprecated))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Facets {
		v.Set("facets", "true")
	}
	return v
}

// Search reads one page.
func (c *Client) Search(ctx context.Context, q Query) (*Page, error) {
	var page Page
	_, err := c.answer(ctx, &request{method: http.MethodGet, path: "/packs", query: q.values()}, &page)
	return &page, err
}

// Pack reads a pack. A pack that is not there is pack.KindNotFound.
func (c *Client) Pack(ctx context.Context, name string) (*Pack, error) {
	var p Pack
	_, err := c.answer(ctx, &request{method: http.MethodGet, path: packPath(name)}, &p)
	return &p, err
}

// Version reads a version document; ref is a version, a tag, "latest" or a digest.
func (c *Client) Version(ctx context.Context, name, ref string) (*pack.Version, error) {
	var v pack.Version
	_, err := c.answer(ctx, &request{method: http.MethodGet, path: packPath(name, "versions", segment(ref))}, &v)
	return &v, err
}

// DeletePack deletes a pack with all its versions.
func (c *Client) DeletePack(ctx context.Context, name string) error {
	return c.remove(ctx, &request{method: http.MethodDelete, path: packPath(name)})
}

// DeleteVersion deletes a version, which must be spelt as pack.json spells it. With a
// digest it does so only while that is the version's content.
func (c *Client) DeleteVersion(ctx context.Context, name, version string, digest pack.Digest) error {
	r := &request{method: http.MethodDelete, path: packPath(name, "versions", segment(version)), header: http.Header{}}
	if digest != "" {
		r.header.Set("If-Match", `"`+string(digest)+`"`)
	}
	return c.remove(ctx, r)
}

// SetTag points a hand-set tag at a version.
func (c *Client) SetTag(ctx context.Context, name, tag, version string) (*pack.Tag, error) {
	var t pack.Tag
	r, err := jsonRequest(http.MethodPut, packPath(name, "tags", segment(tag)), map[string]string{"version": version})
	if err != nil {
		return nil, err
	}
	_, err = c.answer(ctx, r, &t)
	return &t, err
}

// DeleteTag removes a hand-set tag.
func (c *Client) DeleteTag(ctx context.Context, name, tag string) error {
	return c.remove(ctx, &request{method: http.MethodDelete, path: packPath(name, "tags", segment(tag))})
}
