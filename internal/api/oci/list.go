package oci

import (
	"net/http"
	"net/url"
	"strconv"

	core "packregistry/internal/registry/oci"
)

// indexType is the media type of a referrers list (spec, Listing Referrers).
const indexType = "application/vnd.oci.image.index.v1+json"

func (c *call) catalog() error {
	n := max(c.req.N, 0)
	names, more, err := c.Core.Repositories(c.r.Context(), c.asked(), c.req.Last)
	if err != nil {
		return err
	}
	names = c.page(names, more, n, c.Prefix+"/v2/_catalog")
	return c.json(http.StatusOK, "application/json", map[string][]string{"repositories": names})
}

func (c *call) tags() error {
	n := max(c.req.N, 0)
	tags, more, err := c.Core.Tags(c.r.Context(), c.req.Repo, c.asked(), c.req.Last)
	if err != nil {
		return err
	}
	tags = c.page(tags, more, n, c.path("tags/list"))
	return c.json(http.StatusOK, "application/json", struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{c.req.Repo, tags})
}

// asked is the number to ask the core for: 0 is all. n=0 means none at all (spec, Listing Tags), but the repository must be there.
func (c *call) asked() int {
	switch {
	case c.req.N < 0:
		return 0
	case c.req.N == 0:
		return 1
	}
	return c.req.N
}

// page sets Link when there is more, and never gives null.
func (c *call) page(items []string, more bool, n int, path string) []string {
	if c.req.N == 0 || items == nil {
		return []string{}
	}
	if more && len(items) > 0 {
		query := url.Values{"n": {strconv.Itoa(n)}, "last": {items[len(items)-1]}}
		c.w.Header().Set("Link", "<"+path+"?"+query.Encode()+`>; rel="next"`)
	}
	return items
}

// referrers may give a part of the list, and then where the next begins (spec, Listing Referrers).
func (c *call) referrers() error {
	list, more, err := c.Core.Referrers(c.r.Context(), c.req.Repo, c.req.Digest, c.req.ArtifactType, c.req.Last)
	if err != nil {
		return err
	}
	if list == nil {
		list = []core.Descriptor{}
	}
	if more && len(list) > 0 {
		query := url.Values{"last": {list[len(list)-1].Digest}}
		if c.req.ArtifactType != "" {
			query.Set("artifactType", c.req.ArtifactType)
		}
		c.w.Header().Set("Link", "<"+c.path("referrers/"+c.req.Digest)+"?"+query.Encode()+`>; rel="next"`)
	}
	if c.req.ArtifactType != "" {
		c.w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	return c.json(http.StatusOK, indexType, struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Manifests     []core.Descriptor `json:"manifests"`
	}{2, indexType, list})
}
