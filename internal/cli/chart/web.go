package chart

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"packregistry/internal/client"
	"packregistry/internal/pack"
	"packregistry/internal/pack/check"
)

// Bounds on index.yaml of a chart repository: that of the largest known ones is over 20 MiB.
const (
	maxIndex      = 32 << 20 // bytes
	maxIndexItems = 2_000_000
)

// index is index.yaml (https://helm.sh/docs/topics/chart_repository/#the-index-file), as far as it is used.
type index struct {
	Entries map[string][]struct {
		Version text   `yaml:"version"`
		Digest  text   `yaml:"digest"`
		URLs    []text `yaml:"urls"`
	} `yaml:"entries"`
}

// repository fetches a chart by the index of its repository: https://HOST/PATH/CHART, index at https://HOST/PATH/index.yaml.
func (s Source) repository(ctx context.Context, u *url.URL, to io.Writer) (*Found, error) {
	name := path.Base(u.Path)
	if name == "." || name == "/" {
		return nil, pack.Errorf(pack.KindInvalid, CodeReference, "%s names a repository and no chart; write %s/CHART", u.Redacted(), strings.TrimSuffix(u.Redacted(), "/"))
	}
	at := *u
	at.Path, at.RawPath = path.Join(path.Dir(u.Path), "index.yaml"), ""
	i, err := s.index(ctx, &at)
	if err != nil {
		return nil, err
	}
	entries := i.Entries[name]
	if len(entries) == 0 {
		return nil, pack.Errorf(pack.KindNotFound, "", "the repository %s has no chart %q", at.Redacted(), name)
	}
	versions := make([]string, len(entries))
	for i, e := range entries {
		versions[i] = string(e.Version)
	}
	n, err := choose(versions, s.Version, name)
	if err != nil {
		return nil, err
	}
	chosen := entries[n]
	for _, where := range chosen.URLs {
		ref, err := url.Parse(string(where))
		if err != nil {
			continue
		}
		target := at.ResolveReference(ref)
		switch {
		case target.Scheme == "oci":
			return Source{Ref: target.String(), HTTP: s.HTTP, PlainHTTP: s.PlainHTTP, Credentials: s.Credentials, UserAgent: s.UserAgent}.oci(ctx, target, to)
		case target.Scheme == "https", target.Scheme == "http" && s.PlainHTTP:
			if target.Host == at.Host && target.User == nil {
				target.User = at.User
			}
			return s.download(ctx, target, strings.TrimPrefix(string(chosen.Digest), "sha256:"), to)
		}
	}
	return nil, pack.Errorf(pack.KindNotFound, "", "the repository %s names no address for %s %s that can be used", at.Redacted(), name, versions[n])
}

func (s Source) index(ctx context.Context, u *url.URL) (*index, error) {
	body, err := s.get(ctx, u)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxIndex+1))
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &client.NetworkError{Server: u.Host, Reason: "the repository's index broke off: " + err.Error(), Err: err}
	case len(b) > maxIndex:
		return nil, pack.Errorf(pack.KindTooLarge, "", "the index %s is larger than %d MiB; name the packed chart itself (https://....tgz)", u.Redacted(), maxIndex>>20)
	}
	var i index
	root, err := check.ParseYAML(b, maxIndexItems)
	if err == nil && root != nil {
		err = root.Decode(&i)
	}
	if err != nil {
		return nil, pack.Wrap(pack.KindInvalid, err, "%s is no index of a chart repository", u.Redacted())
	}
	return &i, nil
}

// get asks for a file. It follows redirects, but never from https to http.
func (s Source) get(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, pack.Wrap(pack.KindInvalid, err, "%s cannot be asked for", u.Redacted())
	}
	req.Header.Set("User-Agent", s.UserAgent)
	c := *s.HTTP
	c.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		switch {
		case len(via) >= 10:
			return errors.New("it redirects without end")
		case next.URL.Scheme != "https" && (next.URL.Scheme != "http" || !s.PlainHTTP || via[len(via)-1].URL.Scheme == "https"):
			return errors.New("it redirects to what is not encrypted")
		}
		return nil
	}
	resp, err := c.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, unreachable(u.Host, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	resp.Body.Close()
	return nil, refused(u.Host, resp.StatusCode, "there is no "+u.Redacted())
}

// refused is the error of an answer with that status.
func refused(host string, status int, missing string) error {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return pack.Errorf(pack.KindNotFound, "", "%s", missing)
	case http.StatusUnauthorized, http.StatusForbidden:
		return pack.Errorf(pack.KindUnauthorized, "", "%s does not give this chart to everybody, or the account may not read it", host)
	}
	return &client.NetworkError{Server: host, Reason: "it answered " + http.StatusText(status) + " when it was asked for the chart"}
}
