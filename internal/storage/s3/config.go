package s3

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"packregistry/internal/pack"
)

// Config says where the bucket is and how to speak to it. Names in comments are
// the keys below storage.s3 in the configuration file.
type Config struct {
	Bucket string // bucket; required
	// Region (region) may be empty when the environment or the AWS profile gives it,
	// and where Endpoint is set.
	Region string
	// Endpoint (endpoint) is the URL of a server that is not AWS, such as
	// https://minio.example.com:9000. A URL without a scheme follows Secure.
	Endpoint string
	// RootDirectory (rootdirectory) is a prefix of all keys; slashes at its ends do not count.
	RootDirectory string

	// AccessKey and SecretKey (accesskey, secretkey) belong together. Without them
	// the AWS default chain is asked: environment, profile, container, instance.
	AccessKey, SecretKey string
	SessionToken         string // sessiontoken; for temporary keys

	// ForcePathStyle (forcepathstyle) puts the bucket into the path, not into the host name.
	// Nil means: where Endpoint is set.
	ForcePathStyle *bool
	CAFile         string // cafile; PEM, trusted beside the system's roots

	Encrypt  bool   // encrypt; server-side encryption, with the server's own keys (AES256)
	KMSKeyID string // keyid; server-side encryption with this key (aws:kms)

	// Redirect (redirect) lets the store give out addresses of blobs (Store.Linker). RedirectEndpoint (redirectendpoint) is
	// the URL at which clients reach the bucket, where that is not Endpoint; it is spoken to in the same style.
	Redirect         bool
	RedirectEndpoint string

	// Timeout (timeout) bounds each silence of the server, not a whole transfer. 0 means 20 s.
	Timeout time.Duration
	// MaxAttempts (maxattempts) is how often a request is tried before the store counts as
	// unavailable. 0 means 3. After a silence only parts of large blobs are tried again.
	MaxAttempts int

	// The legacy spelling of Endpoint (palette-contract 1.3): Host (host), Port (port) and
	// Secure (secure), which is true when nil. See Resolve.
	Host   string
	Port   int
	Secure *bool
}

// Defaults.
const (
	defaultTimeout  = 20 * time.Second
	defaultAttempts = 3
	defaultRegion   = "us-east-1" // what servers that have no regions sign with
)

// Resolve turns the legacy keys into an Endpoint, fills in what follows from the
// other settings and checks them. Its error is of KindInvalid and names the key.
// New does this by itself; resolving twice changes nothing.
func (c Config) Resolve() (Config, error) {
	secure := c.Secure == nil || *c.Secure
	if c.Host != "" {
		if c.Endpoint != "" {
			return c, invalid("storage.s3.host and storage.s3.endpoint say the same thing: keep one of them")
		}
		c.Endpoint = c.Host
		if c.Port != 0 {
			scheme, rest, ok := strings.Cut(c.Host, "://")
			if !ok {
				scheme, rest = "", c.Host
			} else {
				scheme += "://"
			}
			c.Endpoint = scheme + strings.TrimSuffix(rest, "/") + ":" + strconv.Itoa(c.Port)
		}
	} else if c.Port != 0 {
		return c, invalid("storage.s3.port needs storage.s3.host")
	}
	c.Host, c.Port = "", 0

	var ok bool
	if c.Endpoint, ok = serverURL(c.Endpoint, secure); !ok {
		return c, invalid("storage.s3.endpoint (or host and port) is no http or https URL: " + c.Endpoint)
	}
	if c.RedirectEndpoint, ok = serverURL(c.RedirectEndpoint, secure); !ok {
		return c, invalid("storage.s3.redirectendpoint is no http or https URL: " + c.RedirectEndpoint)
	}
	if c.Endpoint != "" && c.Region == "" {
		c.Region = defaultRegion
	}
	if c.ForcePathStyle == nil {
		path := c.Endpoint != ""
		c.ForcePathStyle = &path
	}
	switch {
	case c.Bucket == "":
		return c, invalid("storage.s3.bucket is missing")
	case strings.ContainsAny(c.Bucket, "/ ?#"):
		return c, invalid("storage.s3.bucket must be a name alone; a prefix goes into storage.s3.rootdirectory")
	case (c.AccessKey == "") != (c.SecretKey == ""):
		return c, invalid("storage.s3.accesskey and storage.s3.secretkey belong together: set both, or none for the AWS default chain")
	case c.RedirectEndpoint != "" && !c.Redirect:
		return c, invalid("storage.s3.redirectendpoint has no effect without storage.s3.redirect: set it to true, or remove the endpoint")
	case c.Timeout < 0 || c.MaxAttempts < 0:
		return c, invalid("storage.s3.timeout and storage.s3.maxattempts must not be negative")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = defaultAttempts
	}
	return c, nil
}

// serverURL gives the address of a server its scheme where it has none. It is false for what is no such address; "" is one.
func serverURL(text string, secure bool) (string, bool) {
	if text == "" {
		return "", true
	}
	if !strings.Contains(text, "://") {
		text = map[bool]string{true: "https://", false: "http://"}[secure] + text
	}
	u, err := url.Parse(text)
	return text, err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && u.RawQuery == "" && u.User == nil
}

func invalid(msg string) error { return pack.Errorf(pack.KindInvalid, "config_invalid", "%s", msg) }

// prefix is what all keys begin with: "" or "some/directory/".
func (c Config) prefix() string {
	root := strings.Trim(c.RootDirectory, "/")
	if root == "" {
		return ""
	}
	return root + "/"
}
