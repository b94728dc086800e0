package chart

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// The media types of a chart's layer: Helm's, and the one it had before 3.7.
const (
	layerType    = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	oldLayerType = "application/tar+gzip"
	maxManifest  = 4 << 20 // bytes
	maxTags      = 50_000
)

// oci fetches a chart from an OCI registry. Every byte is held against its digest.
func (s Source) oci(ctx context.Context, u *url.URL, to io.Writer) (*Found, error) {
	if u.User != nil {
		return nil, pack.Errorf(pack.KindInvalid, CodeReference, "an account does not go into the address of an OCI registry; log in to %s with docker, helm or oras", u.Host)
	}
	repo, err := remote.NewRepository(u.Host + u.Path)
	if err != nil {
		return nil, pack.Errorf(pack.KindInvalid, CodeReference, "%s is no address of a chart; write oci://HOST/PATH[:VERSION]", u.Redacted())
	}
	repo.PlainHTTP, repo.MaxMetadataBytes = s.PlainHTTP, maxManifest
	repo.Client = s.authenticated()
	ref := repo.Reference.Reference
	if ref == "" {
		if ref, err = s.tag(ctx, repo); err != nil {
			return nil, s.told(ctx, u, err)
		}
	} else if s.Version != "" && ref != tagOf(s.Version) {
		return nil, pack.Errorf(pack.KindInvalid, CodeReference, "%s names a version already; leave out --chart-version", u.Redacted())
	}
	size, err := s.pull(ctx, repo, ref, to)
	if err != nil {
		return nil, s.told(ctx, u, err)
	}
	sep := ":"
	if strings.Contains(ref, ":") {
		sep = "@"
	}
	return &Found{From: "oci://" + repo.Reference.Registry + "/" + repo.Reference.Repository + sep + ref, Size: size}, nil
}

// authenticated is a client that gives the account of the registry, and of no other server.
func (s Source) authenticated() *auth.Client {
	plain := *s.HTTP
	plain.Transport = retry.NewTransport(plain.Transport)
	c := &auth.Client{Client: &plain, Cache: auth.NewCache(), Header: http.Header{"User-Agent": {s.UserAgent}}}
	if s.Credentials != nil {
		c.Credential = func(ctx context.Context, host string) (auth.Credential, error) {
			name, password, err := s.Credentials(ctx, host)
			if err != nil || name == "" {
				return auth.EmptyCredential, err
			}
			return auth.Credential{Username: name, Password: password}, nil
		}
	}
	return c
}

// tagOf is how Helm spells a version as a tag, which takes no plus sign.
func tagOf(version string) string { return strings.ReplaceAll(version, "+", "_") }

// tag is that of the version that is wanted.
func (s Source) tag(ctx context.Context, repo *remote.Repository) (string, error) {
	var tags, versions []string
	err := repo.Tags(ctx, "", func(page []string) error {
		for _, t := range page {
			tags, versions = append(tags, t), append(versions, strings.ReplaceAll(t, "_", "+"))
		}
		if len(tags) > maxTags {
			return pack.Errorf(pack.KindTooLarge, "", "the chart has more than %d tags; say which with --chart-version", maxTags)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	n, err := choose(versions, s.Version, repo.Reference.Repository)
	if err != nil {
		return "", err
	}
	return tags[n], nil
}

// pull writes the layer that is the chart.
func (s Source) pull(ctx context.Context, repo *remote.Repository, ref string, to io.Writer) (int64, error) {
	desc, err := repo.Resolve(ctx, ref)
	if err != nil {
		return 0, err
	}
	if desc.Size > maxManifest {
		return 0, pack.Errorf(pack.KindInvalid, "", "the manifest of the chart is larger than %d MiB", maxManifest>>20)
	}
	text, err := content.FetchAll(ctx, repo, desc)
	if err != nil {
		return 0, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return 0, pack.Wrap(pack.KindInvalid, err, "the manifest of the chart cannot be read")
	}
	i := slices.IndexFunc(m.Layers, func(l ocispec.Descriptor) bool { return l.MediaType == layerType || l.MediaType == oldLayerType })
	if i < 0 {
		return 0, pack.Errorf(pack.KindInvalid, "", "what is there is no Helm chart: none of its layers is %s", layerType)
	}
	layer := m.Layers[i]
	if layer.Size > MaxArchive {
		return 0, tooLarge()
	}
	body, err := repo.Blobs().Fetch(ctx, layer)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	verified := content.NewVerifyReader(body, layer)
	n, err := copyBounded(ctx, to, verified)
	if err == nil {
		err = verified.Verify()
	}
	return n, err
}

// told makes an error of the library one for people.
func (s Source) told(ctx context.Context, u *url.URL, err error) error {
	var known *pack.Error
	var answer *errcode.ErrorResponse
	missing := "there is no chart " + u.Redacted()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &known), errors.As(err, new(*client.NetworkError)):
		return err
	case errors.Is(err, errdef.ErrNotFound):
		return refused(u.Host, http.StatusNotFound, missing)
	case errors.As(err, &answer):
		return refused(u.Host, answer.StatusCode, missing)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return refused(u.Host, http.StatusUnauthorized, missing)
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData), errors.Is(err, io.ErrUnexpectedEOF):
		return &client.NetworkError{Server: u.Host, Reason: "what came is not what was asked for; it was changed or cut on its way"}
	}
	return unreachable(u.Host, err)
}
