package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func load(t *testing.T, text string, env ...string) (*Config, []string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, env)
}

func mustLoad(t *testing.T, text string, env ...string) *Config {
	t.Helper()
	c, warnings, err := load(t, text, env...)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("error %v, warnings %q", err, warnings)
	}
	return c
}

// The vendor's documented files load unchanged, with the variables shown beside them.
func TestVendorSamples(t *testing.T) {
	oldEnv := []string{
		"REGISTRY_LOG_LEVEL=debug", "REGISTRY_AUTH=htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm",
		"REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd-basic", "REGISTRY_HTTP_TLS_CERTIFICATE=/certs/tls.crt", "REGISTRY_HTTP_TLS_KEY=/certs/tls.key",
	}
	for _, c := range []struct {
		file string
		env  []string
		want func(*Config) bool
	}{
		{"filesystem.yml", nil, func(c *Config) bool {
			return c.Storage.Driver == DriverFilesystem && c.Storage.Root == "/data/.spectro-server" && c.Auth.Htpasswd == "/auth/htpasswd-basic" &&
				c.Database.URL == "sqlite:///data/.spectro-server/registry.db" && c.HTTP.Headers[hsts] != nil
		}},
		{"s3.yml", nil, func(c *Config) bool {
			return c.Storage.Driver == DriverS3 && c.Storage.S3.Endpoint == "" && c.Storage.S3.Encrypt && c.Storage.S3.RootDirectory == "/registry"
		}},
		{"minio.yml", nil, func(c *Config) bool {
			return c.Storage.S3.Endpoint == "http://10.10.1.5:9000" && c.HTTP.Addr == "10.10.1.4:5000"
		}},
		{"inmemory.yml", nil, func(c *Config) bool {
			return c.Storage.Driver == DriverInMemory && c.Database.URL == "sqlite://:memory:"
		}},
		{"inmemory-map.yml", nil, func(c *Config) bool { return c.Storage.Driver == DriverInMemory }},
		{"htpasswd.yml", nil, func(c *Config) bool { return c.Auth.Realm == "basic-realm" && len(c.Auth.Admins) == 1 }},
		{"tls.yml", nil, func(c *Config) bool {
			return cmp.Equal(c.HTTP.TLS.ClientCAs, List{"/certs/ca.crt"}) && c.HTTP.TLS.Enabled() && c.HTTP.Headers[hsts] != nil
		}},
		{"tls-list.yml", nil, func(c *Config) bool { return len(c.HTTP.TLS.ClientCAs) == 2 }},
		{"letsencrypt.yml", nil, func(c *Config) bool { return c.HTTP.TLS.Enabled() && c.HTTP.TLS.LetsEncrypt.HTTPAddr == ":80" }},
		{"noauth.yml", nil, func(c *Config) bool { return c.Auth.Htpasswd == "" && c.HTTP.Headers[hsts] == nil }},
		{"noauth.yml", oldEnv, func(c *Config) bool {
			return c.Auth.Htpasswd == "/auth/htpasswd-basic" && c.Auth.Realm == "Registry Realm" && c.HTTP.TLS.Enabled() && c.Log.Level == "debug"
		}},
		{"noauth.yml", []string{"REGISTRY_AUTH=htpasswd"}, func(c *Config) bool { return c.Auth.Htpasswd == vendorHtpasswd }},
	} {
		cfg, warnings, err := Load("testdata/vendor/"+c.file, c.env)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: error %v, warnings %q", c.file, err, warnings)
		} else if !c.want(cfg) {
			t.Errorf("%s loads as %+v", c.file, cfg)
		}
	}
	// The misspelt name of the oldest samples: without effect, as it always was, and told.
	cfg, warnings, err := Load("testdata/vendor/noauth.yml", []string{"REGSITRY_AUTH_HTPASSWD_REALM=Registry Realm"})
	if err != nil || cfg.Auth.Realm != "basic-realm" || len(warnings) != 1 || !strings.Contains(warnings[0], "did you mean REGISTRY_AUTH_HTPASSWD_REALM?") {
		t.Errorf("misspelt name: %v, %q", err, warnings)
	}
}

func TestDefaultsNeedNothing(t *testing.T) {
	c, warnings, err := Load("", []string{"PATH=/bin", "HOME=/root", "REGISTRY_HTTP_ADDR="})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %q", err, warnings)
	}
	if c.HTTP.Addr != ":5000" || c.Database.URL != "sqlite://data/registry.db" || c.Limits.Archive != 256<<20 || c.Retention.Overwritten != 0 {
		t.Errorf("%+v", c)
	}
	if got := c.HTTP.Headers["Content-Security-Policy"]; !cmp.Equal(got, List{"img-src 'self'; script-src 'self'; style-src 'self'"}) {
		t.Errorf("Content-Security-Policy %q", got)
	}
}

func TestEnvironmentWins(t *testing.T) {
	c := mustLoad(t, `
http: {addr: ":1", trustedproxies: 10.0.0.0/8, headers: {x-frame-options: [SAMEORIGIN], Referrer-Policy: []}}
auth: {htpasswd: {publishers: [a, b]}}
namespaces: {prod: {overwrite: false}, team/edge: {overwrite: true}}
`, "REGISTRY_HTTP_ADDR=:2", "REGISTRY_HTTP_TRUSTEDPROXIES=192.168.1.7, fd00::/8", "REGISTRY_HTTP_HEADERS_X_EXTRA=one, two",
		"REGISTRY_AUTH_HTPASSWD_PUBLISHERS=[c, 'd,e']", "REGISTRY_NAMESPACES_PROD_OVERWRITE=true", "REGISTRY_LOG_FIELDS_SITE=berlin",
		"REGISTRY_LIMITS_ARCHIVE=1.5GiB", "REGISTRY_RETENTION_OVERWRITTEN=90d", "REGISTRY_STORAGE_S3_SECURE=false", "REGISTRY_HTTP_PREFIX=/packs/",
		"REGISTRY_ADMIN_PASSWORD=true", "REGISTRY_PORT=tcp://10.0.0.1:80", "REGISTRY_PORT_5000_TCP_ADDR=10.0.0.1", "REGISTRY_SERVICE_HOST=10.0.0.1")
	got := map[string]any{
		"addr": c.HTTP.Addr, "proxies": c.HTTP.TrustedProxies[0].String() + " " + c.HTTP.TrustedProxies[1].String(), "frame": c.HTTP.Headers["X-Frame-Options"],
		"referrer": c.HTTP.Headers["Referrer-Policy"], "extra": c.HTTP.Headers["X-Extra"], "publishers": c.Auth.Publisher,
		"prod": c.Overwrite("prod"), "edge": c.Overwrite("team/edge"), "other": c.Overwrite("other"), "site": c.Log.Fields["site"], "service": c.Log.Fields["service"],
		"archive": c.Limits.Archive.String(), "kept": c.Retention.Overwritten.String(), "secure": c.Storage.S3.Secure, "prefix": c.HTTP.Prefix, "password": c.AdminPassword,
	}
	want := map[string]any{
		"addr": ":2", "proxies": "192.168.1.7/32 fd00::/8", "frame": List{"SAMEORIGIN"}, "referrer": List(nil), "extra": List{"one, two"},
		"publishers": List{"c", "d,e"}, "prod": true, "edge": true, "other": false, "site": "berlin", "service": "registry",
		"archive": "1536MiB", "kept": "90d", "secure": false, "prefix": "/packs", "password": "true",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, "", "REGISTRY_ADMIN_PASSWORD_FILE="+secret, "REGISTRY_STORAGE_S3_BUCKET=b", "REGISTRY_STORAGE_S3_ACCESSKEY=a", "REGISTRY_STORAGE_S3_SECRETKEY_FILE="+secret)
	if c.AdminPassword != "hunter2" || c.Storage.S3.SecretKey != "hunter2" {
		t.Errorf("%q, %q", c.AdminPassword, c.Storage.S3.SecretKey)
	}
	if _, _, err := load(t, "", "REGISTRY_ADMIN_PASSWORD_FILE=/nowhere"); err == nil {
		t.Error("a missing secret file was passed over")
	}
}

func TestUnknownIsAWarning(t *testing.T) {
	_, warnings, err := load(t, "http:\n  adr: :1\nnotifications: {endpoints: []}\nHTTP: {}\nlog: {levle: info}\n", "REGISTRY_HTTP_ADR=:1", "REGISTRY_WHATEVER=1", "REGISTRY_ADMIN_PASWORD=x")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(warnings, "\n")
	for _, want := range []string{
		"config.yml:2: http.adr is unknown and has no effect; did you mean http.addr?", "config.yml:3: notifications is unknown and has no effect",
		"did you mean log.level?", "REGISTRY_HTTP_ADR is unknown and has no effect; did you mean REGISTRY_HTTP_ADDR?",
		"REGISTRY_WHATEVER is unknown and has no effect", "did you mean REGISTRY_ADMIN_PASSWORD?",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no warning %q in\n%s", want, text)
		}
	}
	if len(warnings) != 7 {
		t.Errorf("%d warnings:\n%s", len(warnings), text)
	}
}

// Each wrong setting is one line that names the key and the mend.
func TestWrongSettings(t *testing.T) {
	for _, c := range []struct{ yaml, env, want string }{
		{yaml: "http: {addr: 5000}", want: `config.yml:1: http.addr: "5000" is no address to listen on; write :5000 or 127.0.0.1:5000`},
		{yaml: "http: {addr: [a]}", want: "http.addr: a single value is expected here"},
		{yaml: "http: :5000", want: "http: a section with keys is expected here, such as http.addr"},
		{yaml: "http:\n  addr: :1\n  addr: :2", want: "config.yml:3: http.addr: the key is given twice"},
		{yaml: "http: {prefix: packs}", want: "http.prefix"},
		{yaml: "http: {trustedproxies: [proxy.local]}", want: "http.trustedproxies"},
		{yaml: "http: {headers: {\"a b\": [x]}}", want: "http.headers"},
		{yaml: "http: {headers: {A: [\"x\\ny\"]}}", want: "http.headers"},
		{yaml: "http: {tls: {certificate: a}}", want: "http.tls.key: a certificate is given but no key"},
		{yaml: "http: {tls: {key: a}}", want: "http.tls.certificate"},
		{yaml: "http: {tls: {minimumtls: ssl3}}", want: `http.tls.minimumtls: "ssl3" is unknown; use tls1.0, tls1.1, tls1.2 or tls1.3`},
		{yaml: "http: {tls: {clientcas: a}}", want: "http.tls.clientcas"},
		{yaml: "http: {tls: {letsencrypt: {hosts: [a.example.com]}}}", want: "http.tls.letsencrypt.cachefile"},
		{yaml: "http: {tls: {letsencrypt: {cachefile: d, hosts: [localhost]}}}", want: "http.tls.letsencrypt.hosts"},
		{yaml: "http: {tls: {letsencrypt: {email: a}}}", want: "http.tls.letsencrypt.hosts"},
		{yaml: "storage: disk", want: `storage: "disk" is unknown; use filesystem, s3 or inmemory`},
		{yaml: "storage: s3", want: "storage.s3.bucket"},
		{yaml: "storage: {s3: {bucket: b, accesskey: a}}", want: "storage.s3.secretkey"},
		{yaml: "storage: {s3: {bucket: b, port: 9000}}", want: "storage.s3.host"},
		{yaml: "storage: {s3: {bucket: b, host: h, port: 90000}}", want: "storage.s3.port"},
		{yaml: "storage: {s3: {bucket: b, endpoint: minio:9000}}", want: "storage.s3.endpoint"},
		{yaml: "storage: {s3: {bucket: b, redirect: true, redirectendpoint: 's3.example.com'}}", want: `config.yml:1: storage.s3.redirectendpoint: "s3.example.com" is no URL of a server`},
		{yaml: "storage: {s3: {bucket: b, redirectendpoint: 'https://s3.example.com'}}", want: "storage.s3.redirectendpoint: it has no effect without storage.s3.redirect"},
		{yaml: "storage: {s3: {bucket: b, redirect: true, endpoint: 'http://minio:9000'}}\nhttp: {tls: {certificate: a, key: b}}", want: "storage.s3.redirectendpoint: this server speaks HTTPS"},
		{yaml: "storage: {s3: {bucket: b, redirect: true, endpoint: 'https://e', redirectendpoint: 'http://s3.example.com'}}\nhttp: {tls: {certificate: a, key: b}}", want: "storage.s3.redirectendpoint: this server speaks HTTPS"},
		{yaml: "storage: {s3: {bucket: b, redirect: sometimes}}", want: "storage.s3.redirect"},
		{yaml: "storage: inmemory", env: "REGISTRY_DATABASE_URL=sqlite://x", want: "REGISTRY_DATABASE_URL: database.url: a database that lasts"},
		{env: "REGISTRY_DATABASE_URL=mysql://u:hunter2@h/d", want: "database.url: write sqlite://"},
		{env: "REGISTRY_DATABASE_URL=postgres://u:hunter2%zz@h/d", want: "database.url: the URL cannot be read"},
		{yaml: "storage: {s3: {bucket: b, host: h, endpoint: 'https://other'}}", want: "storage.s3.host"},
		{yaml: "log: {level: loud}", want: "log.level"},
		{yaml: "log: {fields: [a]}", want: "log.fields"},
		{yaml: "auth: {anonymous: push}", want: `auth.anonymous: "push" is unknown; use none, logos or pull`},
		{yaml: "auth: token", want: "auth"},
		{yaml: "auth: {bcryptcost: 31}", want: "auth.bcryptcost"},
		{yaml: "limits: {archive: lots}", want: `limits.archive: "lots" is no size; write a number with a unit, such as 256MiB`},
		{yaml: "limits: {archive: 0}", want: "limits.archive"},
		{yaml: "limits: {entries: -1}", want: "limits.entries"},
		{yaml: "retention: {overwritten: soon}", want: "retention.overwritten"},
		{yaml: "namespaces: {Prod: {overwrite: true}}", want: "namespaces"},
		{yaml: "namespaces: {prod: {overwrit: true}}", want: "namespaces: prod.overwrit is unknown"},
		{yaml: "namespaces: {prod: {overwrite: maybe}}", want: "namespaces"},
		{yaml: "palette: {url: 'https://u:hunter2@p.example.com'}", want: "config.yml:1: palette.url: the address of Palette cannot be used"},
		{yaml: "palette: {kind: helm}", want: `palette.kind: "helm" is no kind of registry; use oci or pack`},
		{yaml: "palette: {name: 'my packs'}", want: `palette.name: "my packs" cannot be the name of an entry`},
		{yaml: "palette: {namespace: Prod}", want: "palette.namespace"},
		{yaml: "palette: {kind: pack, namespace: prod}", want: "palette.namespace: the kind pack shows the namespace default alone"},
		{yaml: "palette: {advertise: 'http://packs.example.com'}", want: "palette.advertise: the address for Palette cannot be used; write https://"},
		{yaml: "palette: {apikey: hunter2, user: a@example.com}", want: "palette.user: an API key and a user are given"},
		{yaml: "palette: {password: hunter2}", want: "palette.password: a password is given but no user"},
		{env: "REGISTRY_PALETTE_API_KEY_FILE=/nowhere", want: "palette.apikeyfile: the file cannot be read"},
		{yaml: "a: [", want: "is not YAML"},
		{yaml: "just text", want: "mapping"},
		{yaml: "http: &h {addr: *h}", want: "http.addr"},
	} {
		var env []string
		if c.env != "" {
			env = append(env, c.env)
		}
		_, _, err := load(t, c.yaml, env...)
		switch {
		case err == nil:
			t.Errorf("%s%s: loads", c.yaml, c.env)
		case !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s%s: %v", c.yaml, c.env, err)
		}
	}
}

// Redirects go by TLS when the server does; where it speaks none that is a proxy's to know.
func TestRedirect(t *testing.T) {
	if c := mustLoad(t, "storage: {s3: {bucket: b}}"); c.Storage.S3.Redirect {
		t.Error("clients are redirected by default")
	}
	c := mustLoad(t, "storage: {s3: {bucket: b, endpoint: 'http://minio:9000'}}\nhttp: {tls: {certificate: a, key: b}}",
		"REGISTRY_STORAGE_S3_REDIRECT=true", "REGISTRY_STORAGE_S3_REDIRECTENDPOINT=https://s3.example.com")
	if !c.Storage.S3.Redirect || c.Storage.S3.RedirectEndpoint != "https://s3.example.com" {
		t.Errorf("%+v", c.Storage.S3)
	}
	mustLoad(t, "storage: {s3: {bucket: b, redirect: true, endpoint: 'http://minio:9000'}}")
	mustLoad(t, "storage: {s3: {bucket: b, redirect: true}}\nhttp: {tls: {certificate: a, key: b}}") // AWS
}

// What config check prints loads again to the same configuration, and holds no secret.
func TestShow(t *testing.T) {
	files, err := filepath.Glob("testdata/vendor/*.yml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		c, _, err := Load(file, []string{"REGISTRY_ADMIN_PASSWORD=hunter2"})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := c.Show(&out); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "example-secret-key") || strings.Contains(out.String(), "hunter2") {
			t.Errorf("%s: a secret is shown:\n%s", file, out.String())
		}
		again := mustLoad(t, out.String())
		if c.Storage.S3.SecretKey != "" {
			c.Storage.S3.SecretKey = hidden
		}
		ignore := cmpopts.IgnoreFields(Config{}, "AdminPassword")
		if d := cmp.Diff(c, again, ignore, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty(), cmpopts.EquateComparable()); d != "" {
			t.Errorf("%s loads differently again:\n%s\n%s", file, d, out.String())
		}
	}
	c := mustLoad(t, "database: {url: 'postgres://registry:hunter2@db/packs?sslpassword=hunter2&sslmode=require'}")
	var out bytes.Buffer
	if err := c.Show(&out); err != nil || strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "postgres://registry:xxxxx@db/packs?sslpassword=xxxxx&sslmode=require") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}
