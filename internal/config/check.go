package config

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"packregistry/internal/pack"
)

// complete checks what was read and fills in what follows from it.
func (c *Config) complete() error {
	for _, part := range []func() error{c.checkLog, c.checkStorage, c.checkDatabase, c.checkHTTP, c.checkTLS, c.checkAuth, c.checkPalette, c.checkRest} {
		if err := part(); err != nil {
			return err
		}
	}
	c.HTTP.Headers = withDefaultHeaders(c.HTTP.Headers, c.HTTP.TLS.Enabled())
	return nil
}

// oneOf checks a word, in any case, and writes it as it is listed.
func (c *Config) oneOf(path string, value *string, words ...string) error {
	i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, *value) })
	if i < 0 {
		return c.wrong(path, "%q is unknown; use %s or %s", *value, strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
	}
	*value = words[i]
	return nil
}

func (c *Config) checkLog() error {
	if strings.EqualFold(c.Log.Level, "warning") { // the upstream spelling
		c.Log.Level = "warn"
	}
	if err := c.oneOf("log.level", &c.Log.Level, "debug", "info", "warn", "error"); err != nil {
		return err
	}
	return c.oneOf("log.format", &c.Log.Format, "auto", "text", "json")
}

func (c *Config) checkStorage() error {
	s := &c.Storage
	switch {
	case s.Driver != "":
		if err := c.oneOf("storage", &s.Driver, DriverFilesystem, DriverS3, DriverInMemory); err != nil {
			return err
		}
	case c.inMemory:
		s.Driver = DriverInMemory
	case s.S3.Bucket != "":
		s.Driver = DriverS3
	default:
		s.Driver = DriverFilesystem
	}
	if s.Root == "" {
		return c.wrong("storage.filesystem.rootdirectory", "the data folder is empty; name one, such as %s", defaultRoot)
	}
	if s.Driver != DriverS3 {
		return nil
	}
	x := &s.S3
	if x.Bucket == "" {
		return c.wrong("storage.s3.bucket", "no bucket is named; name one, or use storage: filesystem")
	}
	if (x.AccessKey == "") != (x.SecretKey == "") {
		return c.wrong("storage.s3.secretkey", "access key and secret key go together; give both, or neither for the AWS default credentials")
	}
	if err := c.oneOf("storage.s3.forcepathstyle", &x.ForcePathStyle, "auto", "true", "false"); err != nil {
		return err
	}
	if x.Port != "" {
		if n, err := strconv.Atoi(x.Port); err != nil || n < 1 || n > 65535 {
			return c.wrong("storage.s3.port", "%q is no port; use a number from 1 to 65535", x.Port)
		}
		if x.Host == "" {
			return c.wrong("storage.s3.host", "a port is given but no host; name the host, or remove storage.s3.port")
		}
	}
	if x.Host != "" {
		legacy := x.legacyEndpoint()
		if x.Endpoint != "" && x.Endpoint != legacy {
			return c.wrong("storage.s3.host", "host and endpoint name two servers; keep storage.s3.endpoint alone")
		}
		x.Endpoint = legacy
	}
	for _, e := range []struct{ path, text string }{{"storage.s3.endpoint", x.Endpoint}, {"storage.s3.redirectendpoint", x.RedirectEndpoint}} {
		u, err := url.Parse(e.text)
		if e.text != "" && (err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil) {
			return c.wrong(e.path, "%q is no URL of a server; write https://host:port, with the keys in storage.s3.accesskey and secretkey", redactURL(e.text))
		}
	}
	return c.checkRedirect()
}

func (c *Config) checkRedirect() error {
	x := &c.Storage.S3
	switch {
	case x.RedirectEndpoint != "" && !x.Redirect:
		return c.wrong("storage.s3.redirectendpoint", "it has no effect without storage.s3.redirect; set that to true, or remove the endpoint")
	case x.Redirect && c.HTTP.TLS.Enabled() && strings.HasPrefix(cmp.Or(x.RedirectEndpoint, x.Endpoint), "http:"):
		return c.wrong("storage.s3.redirectendpoint", "this server speaks HTTPS, and clients do not follow it to plain HTTP; name an https address of the bucket, or switch storage.s3.redirect off")
	}
	return nil
}

// legacyEndpoint makes a URL of host, port and secure. A host may come with a scheme or a port of its own.
func (x *S3) legacyEndpoint() string {
	if strings.Contains(x.Host, "://") {
		if x.Port == "" {
			return x.Host
		}
		return strings.TrimSuffix(x.Host, "/") + ":" + x.Port
	}
	scheme, host := "https://", x.Host
	if !x.Secure {
		scheme = "http://"
	}
	if x.Port != "" {
		host = net.JoinHostPort(strings.Trim(host, "[]"), x.Port)
	}
	return scheme + host
}

func (c *Config) checkDatabase() error {
	d := &c.Database
	if c.Storage.Driver == DriverInMemory {
		if d.URL != "" {
			return c.wrong("database.url", "a database that lasts and storage inmemory do not go together; remove one of them")
		}
		d.URL = "sqlite://:memory:"
		return nil
	}
	switch {
	case d.URL == "":
		d.URL = "sqlite://" + filepath.Join(c.Storage.Root, "registry.db")
	case strings.HasPrefix(d.URL, "sqlite://") && len(d.URL) > len("sqlite://"):
	case strings.HasPrefix(d.URL, "postgres://"), strings.HasPrefix(d.URL, "postgresql://"):
		if _, err := url.Parse(d.URL); err != nil {
			// The parser's own words would show the password.
			return c.wrong("database.url", "the URL cannot be read; percent-encode special characters of the password")
		}
	default:
		return c.wrong("database.url", "write sqlite://<path> or postgres://user:password@host:port/name")
	}
	return nil
}

func (c *Config) checkHTTP() error {
	h := &c.HTTP
	if err := c.address("http.addr", h.Addr); err != nil {
		return err
	}
	if h.Debug.Addr != "" {
		if err := c.address("http.debug.addr", h.Debug.Addr); err != nil {
			return err
		}
	}
	h.Prefix = strings.TrimRight(h.Prefix, "/")
	if h.Prefix != "" {
		if !strings.HasPrefix(h.Prefix, "/") || strings.ContainsAny(h.Prefix, " ?#%{}*\\") || strings.Contains(h.Prefix, "//") {
			return c.wrong("http.prefix", "%q is no path; write it like /packs", h.Prefix)
		}
	}
	for name, values := range h.Headers {
		if !httpguts.ValidHeaderFieldName(name) {
			return c.wrong("http.headers", "%q is no name of a header; use letters, digits and hyphens", name)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return c.wrong("http.headers", "the value of %s has control characters in it; remove them", name)
			}
		}
	}
	for _, p := range c.proxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			addr, err := netip.ParseAddr(p)
			if err != nil {
				return c.wrong("http.trustedproxies", "%q is no address; write it like 10.0.0.1 or 10.0.0.0/8", p)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		h.TrustedProxies = append(h.TrustedProxies, prefix.Masked())
	}
	if h.MaxUploads < 1 {
		return c.wrong("http.maxuploads", "at least 1 upload must be possible")
	}
	return nil
}

func (c *Config) address(path, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || n < 0 || n > 65535 || strings.ContainsAny(host, "/ ") {
		return c.wrong(path, "%q is no address to listen on; write :5000 or 127.0.0.1:5000", addr)
	}
	return nil
}

func (c *Config) checkTLS() error {
	t := &c.HTTP.TLS
	if err := c.oneOf("http.tls.minimumtls", &t.MinimumTLS, "tls1.0", "tls1.1", "tls1.2", "tls1.3"); err != nil {
		return err
	}
	switch {
	case t.Certificate != "" && t.Key == "":
		return c.wrong("http.tls.key", "a certificate is given but no key; name the PEM file with its private key")
	case t.Key != "" && t.Certificate == "":
		return c.wrong("http.tls.certificate", "a key is given but no certificate; name the PEM file with the certificate")
	}
	le := &t.LetsEncrypt
	if len(le.Hosts) > 0 {
		switch {
		case t.Certificate != "":
			return c.wrong("http.tls.letsencrypt.hosts", "certificate files and letsencrypt exclude each other; remove one of them")
		case le.CacheFile == "":
			return c.wrong("http.tls.letsencrypt.cachefile", "certificates must be kept over a restart; name a folder for them")
		}
		for _, h := range le.Hosts {
			if !strings.Contains(strings.Trim(h, "."), ".") || strings.ContainsAny(h, "/:* ") {
				return c.wrong("http.tls.letsencrypt.hosts", "%q is no full host name; write it like registry.example.com", h)
			}
		}
		if le.HTTPAddr != "none" {
			if err := c.address("http.tls.letsencrypt.httpaddr", le.HTTPAddr); err != nil {
				return err
			}
		}
	} else if le.CacheFile != "" || le.Email != "" {
		return c.wrong("http.tls.letsencrypt.hosts", "no host is named; list the host names to get certificates for, or remove letsencrypt")
	}
	if len(t.ClientCAs) > 0 && !t.Enabled() {
		return c.wrong("http.tls.clientcas", "client certificates need TLS; set http.tls.certificate and http.tls.key")
	}
	return nil
}

func (c *Config) checkAuth() error {
	a := &c.Auth
	if c.authScheme != "" {
		if err := c.oneOf("auth", &c.authScheme, "htpasswd", "none"); err != nil {
			return err
		}
		if c.authScheme == "htpasswd" && a.Htpasswd == "" {
			a.Htpasswd = vendorHtpasswd
		}
	}
	if strings.ContainsFunc(a.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return c.wrong("auth.htpasswd.realm", "the realm must be printable ASCII without quotes")
	}
	if a.Cost < 4 || a.Cost > 15 {
		return c.wrong("auth.bcryptcost", "%d is out of range; use 4 to 15, 10 is usual", a.Cost)
	}
	return c.oneOf("auth.anonymous", &a.Anonymous, "none", "logos", "pull")
}

func (c *Config) checkRest() error {
	for name := range c.Namespaces {
		if err := pack.ValidateNamespace(name); err != nil {
			return c.wrong("namespaces", "%v", err)
		}
	}
	for path, n := range map[string]int64{
		"limits.archive": int64(c.Limits.Archive), "limits.unpacked": int64(c.Limits.Unpacked), "limits.entries": int64(c.Limits.Entries),
	} {
		if n < 1 {
			return c.wrong(path, "the limit must be above 0; remove the setting for the default")
		}
	}
	if c.Sweep.Grace < Duration(0) || c.Sweep.Interval < Duration(0) {
		return c.wrong("sweep.grace", "a time span cannot be negative")
	}
	return nil
}
