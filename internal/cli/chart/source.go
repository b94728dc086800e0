package chart

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// Source says where a chart is.
type Source struct {
	// Ref is a directory, a .tgz, oci://HOST/PATH[:VERSION|@DIGEST], https://REPOSITORY/CHART, or https://....tgz.
	Ref string
	// Version is the one that is wanted, or a range of them (^1.2); "" is the newest. Only of a repository and of OCI.
	Version string
	// HTTP makes the requests; nothing of it is changed. PlainHTTP allows http instead of https.
	HTTP      *http.Client
	PlainHTTP bool
	// Credentials gives the account for an OCI registry; empty is none. nil is none at all.
	Credentials func(ctx context.Context, host string) (username, password string, err error)
	UserAgent   string
}

// CodeReference is the code of an error about how a chart was asked for.
const CodeReference = "chart_reference"

// Found is a packed chart.
type Found struct {
	// From says where it came from, without credentials: a URL, or "" for what lies on this machine.
	From string
	// Size is that of the packed chart, in bytes.
	Size int64
}

// IsRef reports whether a word names a chart: a URL, a .tgz or a directory with a Chart.yaml.
func IsRef(word string) bool {
	if strings.Contains(word, "://") {
		return true
	}
	info, err := os.Stat(word)
	return err == nil && (info.Mode().IsRegular() && packed(word) || info.IsDir() && isChart(word))
}

func packed(name string) bool {
	return strings.HasSuffix(name, ".tgz") || strings.HasSuffix(name, ".tar.gz")
}

func isChart(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "Chart.yaml"))
	return err == nil && info.Mode().IsRegular()
}

// In finds the chart that is meant by a name in a folder: a directory with a Chart.yaml, or a .tgz. If there is
// more than one the name decides. "" and no error say that there is none.
func In(folder, name string) (string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", pack.Wrap(pack.KindInvalid, err, "%s cannot be read", folder)
	}
	var all, named []string
	for _, e := range entries {
		at := filepath.Join(folder, e.Name())
		if !IsRef(at) {
			continue
		}
		all = append(all, e.Name())
		rest, ok := strings.CutPrefix(e.Name(), name)
		if ok && (rest == "" || packed("x"+rest) && (rest[0] == '.' || rest[0] == '-')) {
			named = append(named, e.Name())
		}
	}
	switch {
	case len(named) == 1:
		return filepath.Join(folder, named[0]), nil
	case len(all) == 1:
		return filepath.Join(folder, all[0]), nil
	case len(all) == 0:
		return "", nil
	}
	return "", pack.Errorf(pack.KindInvalid, "", "%s holds more than one chart (%s); say with --chart which is meant", folder, strings.Join(all, ", "))
}

// Fetch writes the packed chart to a file, from its beginning. Bytes of an archive come as they are; a directory is
// packed. Errors: pack.KindNotFound, pack.KindUnauthorized, pack.KindTooLarge, pack.KindInvalid for a Ref that makes no
// sense, pack.KindBadPack for a chart that does, and *client.NetworkError.
func (s Source) Fetch(ctx context.Context, to *os.File) (*Found, error) {
	if !strings.Contains(s.Ref, "://") {
		if s.Version != "" {
			return nil, pack.Errorf(pack.KindInvalid, CodeReference, "%s is a chart on this machine; it has the version that it has", s.Ref)
		}
		return s.local(ctx, to)
	}
	u, err := url.Parse(s.Ref)
	if err != nil || u.Host == "" || u.RawQuery != "" && u.Scheme == "oci" || u.Fragment != "" {
		return nil, pack.Errorf(pack.KindInvalid, CodeReference, "%q is no address of a chart; write oci://HOST/PATH[:VERSION], https://REPOSITORY/CHART or https://....tgz", redact(s.Ref))
	}
	switch {
	case u.Scheme == "oci":
		return s.oci(ctx, u, to)
	case u.Scheme == "http" && !s.PlainHTTP:
		return nil, pack.Errorf(pack.KindInvalid, CodeReference, "%s is not encrypted; use https, or say --plain-http", u.Redacted())
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, pack.Errorf(pack.KindInvalid, CodeReference, "charts come from oci:// and https://, not from %s://", u.Scheme)
	case packed(u.Path):
		if s.Version != "" {
			return nil, pack.Errorf(pack.KindInvalid, CodeReference, "%s is one packed chart; it has the version that it has", u.Redacted())
		}
		return s.download(ctx, u, "", to)
	}
	return s.repository(ctx, u, to)
}

// redact takes out of a text that is no URL all that may be a password, which may hold a slash itself.
func redact(ref string) string {
	scheme, rest, _ := strings.Cut(ref, "://")
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

// local copies a packed chart, or packs a directory.
func (s Source) local(ctx context.Context, to *os.File) (*Found, error) {
	info, err := os.Stat(s.Ref)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, pack.Errorf(pack.KindNotFound, "", "there is no chart %s", s.Ref)
	case err != nil:
		return nil, pack.Wrap(pack.KindInvalid, err, "the chart %s cannot be read", s.Ref)
	case info.IsDir() && !isChart(s.Ref):
		return nil, pack.Errorf(pack.KindInvalid, CodeReference, "%s is no chart: there is no Chart.yaml in it", s.Ref)
	case info.IsDir():
		n, err := Pack(ctx, s.Ref, to)
		return &Found{Size: n}, err
	}
	f, err := os.Open(s.Ref)
	if err != nil {
		return nil, pack.Wrap(pack.KindInvalid, err, "the chart %s cannot be read", s.Ref)
	}
	defer f.Close()
	n, err := copyBounded(ctx, to, f)
	return &Found{Size: n}, err
}

// copyBounded copies at most MaxArchive bytes. When the context ends, what came is taken for broken off, whatever
// the reader says: it may tell the end of a connection as the end of the file.
func copyBounded(ctx context.Context, to io.Writer, from io.Reader) (int64, error) {
	n, err := io.Copy(to, &bounded{ctx: ctx, r: from, left: MaxArchive})
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return n, err
}

// bounded ends with the context, and refuses to go on for ever.
type bounded struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge()
	}
	return n, err
}

func tooLarge() error {
	return &pack.Error{Kind: pack.KindTooLarge, Limit: MaxArchive, Message: "the packed chart is larger than 64 MiB"}
}

// download fetches one file over HTTP. With a digest (sha256, hex) it must have that.
func (s Source) download(ctx context.Context, u *url.URL, digest string, to io.Writer) (*Found, error) {
	body, err := s.get(ctx, u)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	sum := sha256.New()
	n, err := copyBounded(ctx, io.MultiWriter(to, sum), body)
	switch {
	case err != nil && ctx.Err() == nil && pack.KindOf(err) == pack.KindInternal:
		return nil, &client.NetworkError{Server: u.Host, Reason: "the chart broke off: " + err.Error(), Err: err}
	case err != nil:
		return nil, err
	case digest != "" && hex.EncodeToString(sum.Sum(nil)) != strings.ToLower(digest):
		return nil, &client.NetworkError{Server: u.Host, Reason: path.Base(u.Path) + " does not have the digest that the repository's index says; it was changed or cut on its way"}
	}
	plain := *u
	plain.User, plain.RawQuery = nil, ""
	return &Found{From: plain.String(), Size: n}, nil
}
