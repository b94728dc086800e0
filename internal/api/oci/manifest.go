package oci

import (
	"io"
	"mime"
	"net/http"
	"strings"

	"packregistry/internal/pack"
	core "packregistry/internal/registry/oci"
)

// maxWarnings is the most Warning headers of one answer: what more there is, the version document has.
const maxWarnings = 20

func (c *call) putManifest() error {
	mediaType := c.r.Header.Get("Content-Type")
	if mediaType != "" {
		var err error
		if mediaType, _, err = mime.ParseMediaType(mediaType); err != nil {
			return pack.Errorf(pack.KindInvalid, "manifest_invalid", "Content-Type is no media type; it names the kind of the manifest")
		}
	}
	body, err := io.ReadAll(c.r.Body) // the body is bounded by ManifestLimit
	if err != nil {
		return err
	}
	done, err := c.Core.PutManifest(c.r.Context(), core.Put{
		Repo: c.req.Repo, Reference: c.req.Reference, Tags: c.req.Tags, MediaType: mediaType, Body: body, By: c.by,
	})
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Location", c.path("manifests/"+done.Digest))
	h.Set("Docker-Content-Digest", done.Digest)
	if done.Subject != "" {
		h.Set("OCI-Subject", done.Subject)
	}
	for _, tag := range c.req.Tags {
		h.Add("OCI-Tag", tag)
	}
	for i, text := range done.Warnings {
		if i == maxWarnings {
			break
		}
		h.Add("Warning", warning(text))
	}
	return c.done(http.StatusCreated, nil)
}

// path is a path inside the request's repository, as the client spells it.
func (c *call) path(rest string) string { return c.Prefix + "/v2/" + c.req.Repo + "/" + rest }

// warning is a Warning header as the spec has it (section Warnings): code 299, agent -, and a quoted text.
func warning(text string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r > 0x7e:
			return '?' // a quoted string of RFC 9110 is ASCII to most clients
		}
		return r
	}, text)
	return `299 - "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean[:min(len(clean), 400)]) + `"`
}
