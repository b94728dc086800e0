package config

import "strings"

// key is one setting.
type key struct {
	path string
	doc  string
	// target gives the place of the value: *string, *bool, *int, *Size, *Duration,
	// *List, or one of the maps.
	target func(*Config) any
	// secret values are never shown, and <env>_FILE names a file that holds them.
	secret bool
	// variable replaces the name of the variable that follows from the path, which is taken too.
	variable string
	// quiet keys are taken for the vendor's files and have no effect of their own.
	quiet bool
}

// env is the variable that overrides the key.
func (k key) env() string {
	if k.variable != "" {
		return k.variable
	}
	return k.rule()
}

// rule is the name of the variable that follows from the path.
func (k key) rule() string {
	return "REGISTRY_" + strings.ToUpper(strings.ReplaceAll(k.path, ".", "_"))
}

// keys is the table of all settings, in the order they are shown.
func keys() []key {
	return []key{
		{path: "version", doc: "version of the vendor's file format; read and ignored", quiet: true, target: func(c *Config) any { return &c.version }},

		{path: "log.level", doc: "`debug`, `info`, `warn` or `error`", target: func(c *Config) any { return &c.Log.Level }},
		{path: "log.format", doc: "`text`, `json`, or `auto`: text on a terminal, else JSON", target: func(c *Config) any { return &c.Log.Format }},
		{path: "log.fields", doc: "name and value pairs on every log line; one by `REGISTRY_LOG_FIELDS_<NAME>`", target: func(c *Config) any { return &c.Log.Fields }},

		{path: "storage", doc: "`filesystem`, `s3` or `inmemory` (then the database is in memory too); by default `s3` when a bucket is named, else `filesystem`", target: func(c *Config) any { return &c.Storage.Driver }},
		{path: "storage.inmemory", doc: "the same as `storage: inmemory`", quiet: true, target: func(c *Config) any { return (*present)(&c.inMemory) }},
		{path: "storage.cache.blobdescriptor", doc: "read and ignored", quiet: true, target: func(c *Config) any { return &c.blobDescriptor }},
		{path: "storage.filesystem.rootdirectory", doc: "data folder: blobs, embedded database, uploads in flight; also used when blobs lie in S3", target: func(c *Config) any { return &c.Storage.Root }},
		{path: "storage.s3.bucket", doc: "bucket for blobs", target: func(c *Config) any { return &c.Storage.S3.Bucket }},
		{path: "storage.s3.region", doc: "region of the bucket", target: func(c *Config) any { return &c.Storage.S3.Region }},
		{path: "storage.s3.endpoint", doc: "URL of an S3-compatible server; empty is AWS", target: func(c *Config) any { return &c.Storage.S3.Endpoint }},
		{path: "storage.s3.regionendpoint", doc: "another spelling of `storage.s3.endpoint`", quiet: true, target: func(c *Config) any { return &c.Storage.S3.Endpoint }},
		{path: "storage.s3.rootdirectory", doc: "prefix of all keys in the bucket", target: func(c *Config) any { return &c.Storage.S3.RootDirectory }},
		{path: "storage.s3.accesskey", doc: "access key; empty uses the AWS default credential chain", target: func(c *Config) any { return &c.Storage.S3.AccessKey }},
		{path: "storage.s3.secretkey", doc: "secret key", secret: true, target: func(c *Config) any { return &c.Storage.S3.SecretKey }},
		{path: "storage.s3.forcepathstyle", doc: "`true` or `false`: the bucket in the path instead of the host name; `auto` does so with an endpoint", target: func(c *Config) any { return &c.Storage.S3.ForcePathStyle }},
		{path: "storage.s3.host", doc: "legacy spelling: host of an S3-compatible server", target: func(c *Config) any { return &c.Storage.S3.Host }},
		{path: "storage.s3.port", doc: "legacy spelling: its port", target: func(c *Config) any { return &c.Storage.S3.Port }},
		{path: "storage.s3.secure", doc: "legacy spelling: HTTPS to `storage.s3.host`", target: func(c *Config) any { return &c.Storage.S3.Secure }},
		{path: "storage.s3.encrypt", doc: "server-side encryption of blobs", target: func(c *Config) any { return &c.Storage.S3.Encrypt }},
		{path: "storage.s3.keyid", doc: "KMS key for `storage.s3.encrypt`; empty is the server's own (AES256)", target: func(c *Config) any { return &c.Storage.S3.KeyID }},
		{path: "storage.s3.sessiontoken", doc: "for temporary keys", secret: true, target: func(c *Config) any { return &c.Storage.S3.SessionToken }},
		{path: "storage.s3.timeout", doc: "longest silence of the server; `0` is 20 seconds", target: func(c *Config) any { return &c.Storage.S3.Timeout }},
		{path: "storage.s3.maxattempts", doc: "how often a request is tried; `0` is 3 times. After a silence only the parts of a large blob are tried again", target: func(c *Config) any { return &c.Storage.S3.MaxAttempts }},
		{path: "storage.s3.cafile", doc: "PEM file with further authorities trusted for the endpoint", target: func(c *Config) any { return &c.Storage.S3.CA }},
		{path: "storage.s3.cache", doc: "disk space in the data folder for copies of packs that are read again and again; `0` is none", target: func(c *Config) any { return &c.Storage.S3.Cache }},
		{path: "storage.s3.redirect", doc: "`true` sends clients straight to the bucket for archives and OCI blobs, by an address that holds 20 minutes; see [Postgres and S3](postgres-s3.md#downloads-straight-from-the-bucket)", target: func(c *Config) any { return &c.Storage.S3.Redirect }},
		{path: "storage.s3.redirectendpoint", doc: "URL at which clients reach the bucket, where it is not `storage.s3.endpoint`", target: func(c *Config) any { return &c.Storage.S3.RedirectEndpoint }},

		{path: "database.url", doc: "`sqlite://<path>` or `postgres://user:password@host/name`; empty is `registry.db` in the data folder", secret: true, target: func(c *Config) any { return &c.Database.URL }},

		{path: "http.addr", doc: "address to listen on, `:port` or `host:port`", target: func(c *Config) any { return &c.HTTP.Addr }},
		{path: "http.prefix", doc: "path all routes live under, such as `/packs`", target: func(c *Config) any { return &c.HTTP.Prefix }},
		{path: "http.headers", doc: "headers on every answer (a 304 goes without those that concern a shown page), each a list of values; they replace the default of the same name, an empty list removes it; one by `REGISTRY_HTTP_HEADERS_<NAME>`", target: func(c *Config) any { return &c.HTTP.Headers }},
		{path: "http.trustedproxies", doc: "addresses or CIDR ranges of proxies whose `X-Forwarded-For` is believed", target: func(c *Config) any { return &c.proxies }},
		{path: "http.maxuploads", doc: "uploads in flight beyond which 429 is answered; checks without an upload take at most half of them", target: func(c *Config) any { return &c.HTTP.MaxUploads }},
		{path: "http.draindelay", doc: "how long readiness is off before the listener closes at a shutdown", target: func(c *Config) any { return (*Duration)(&c.HTTP.DrainDelay) }},
		{path: "http.draintimeout", doc: "how long requests in flight may take to end at a shutdown", target: func(c *Config) any { return (*Duration)(&c.HTTP.DrainTimeout) }},
		{path: "http.debug.addr", doc: "address of a listener of its own for profiles (`/debug/pprof/`) and variables (`/debug/vars`), for admins only; empty is none", target: func(c *Config) any { return &c.HTTP.Debug.Addr }},
		{path: "http.tls.certificate", doc: "PEM file with the certificate and its chain; re-read when it changes", target: func(c *Config) any { return &c.HTTP.TLS.Certificate }},
		{path: "http.tls.key", doc: "PEM file with its private key", target: func(c *Config) any { return &c.HTTP.TLS.Key }},
		{path: "http.tls.clientcas", doc: "PEM file or files; clients must show a certificate signed by one of them", target: func(c *Config) any { return &c.HTTP.TLS.ClientCAs }},
		{path: "http.tls.minimumtls", doc: "`tls1.0`, `tls1.1`, `tls1.2` or `tls1.3`", target: func(c *Config) any { return &c.HTTP.TLS.MinimumTLS }},
		{path: "http.tls.letsencrypt.cachefile", doc: "folder (in spite of its name) that keeps the certificates", target: func(c *Config) any { return &c.HTTP.TLS.LetsEncrypt.CacheFile }},
		{path: "http.tls.letsencrypt.email", doc: "contact given to the authority", target: func(c *Config) any { return &c.HTTP.TLS.LetsEncrypt.Email }},
		{path: "http.tls.letsencrypt.hosts", doc: "host names to get certificates for; naming one switches ACME on", target: func(c *Config) any { return &c.HTTP.TLS.LetsEncrypt.Hosts }},
		{path: "http.tls.letsencrypt.directory", doc: "URL of another ACME directory; empty is Let's Encrypt", target: func(c *Config) any { return &c.HTTP.TLS.LetsEncrypt.Directory }},
		{path: "http.tls.letsencrypt.ca", doc: "PEM file with authorities trusted for the ACME directory", target: func(c *Config) any { return &c.HTTP.TLS.LetsEncrypt.CA }},
		{path: "http.tls.letsencrypt.httpaddr", doc: "listener for http-01 challenges; `none` leaves only tls-alpn-01", target: func(c *Config) any { return &c.HTTP.TLS.LetsEncrypt.HTTPAddr }},

		{path: "auth", doc: "`htpasswd` switches the file on at the vendor's path `" + vendorHtpasswd + "` when no other is named", quiet: true, target: func(c *Config) any { return &c.authScheme }},
		{path: "auth.anonymous", doc: "what may be read without credentials: `none`, `logos` or `pull`", target: func(c *Config) any { return &c.Auth.Anonymous }},
		{path: "auth.bcryptcost", doc: "cost of new password hashes, 4 to 15", target: func(c *Config) any { return &c.Auth.Cost }},
		{path: "auth.htpasswd.realm", doc: "realm of the Basic challenge", target: func(c *Config) any { return &c.Auth.Realm }},
		{path: "auth.htpasswd.path", doc: "file with further accounts (bcrypt), beside those in the database; re-read when it changes", target: func(c *Config) any { return &c.Auth.Htpasswd }},
		{path: "auth.htpasswd.admins", doc: "names in the file that are admins", target: func(c *Config) any { return &c.Auth.Admins }},
		{path: "auth.htpasswd.publishers", doc: "names in the file that may publish; all others read only", target: func(c *Config) any { return &c.Auth.Publisher }},

		{path: "namespaces", doc: "settings by namespace: `namespaces.<name>.overwrite` lets content of a version move without force (`false`); one by `REGISTRY_NAMESPACES_<NAME>_OVERWRITE`", target: func(c *Config) any { return &c.Namespaces }},

		{path: "limits.archive", doc: "largest archive", target: func(c *Config) any { return &c.Limits.Archive }},
		{path: "limits.unpacked", doc: "largest sum of an archive's files", target: func(c *Config) any { return &c.Limits.Unpacked }},
		{path: "limits.entries", doc: "most files and folders in an archive", target: func(c *Config) any { return &c.Limits.Entries }},
		{path: "limits.blob", doc: "largest OCI blob; `0` is no limit", target: func(c *Config) any { return &c.Limits.Blob }},

		{path: "palette.url", doc: "address of the Palette whose entries for this registry are kept in sync, such as `https://api.spectrocloud.com`; empty is none", target: func(c *Config) any { return &c.Palette.URL }},
		{path: "palette.apikey", variable: "REGISTRY_PALETTE_API_KEY", doc: "API key of a tenant admin there", secret: true, target: func(c *Config) any { return &c.Palette.APIKey }},
		{path: "palette.apikeyfile", variable: "REGISTRY_PALETTE_API_KEY_FILE", doc: "file that holds the API key", target: func(c *Config) any { return &c.Palette.APIKeyFile }},
		{path: "palette.user", doc: "instead of an API key: email address of a tenant's user, or with `palette.system` the name of a system administrator", target: func(c *Config) any { return &c.Palette.User }},
		{path: "palette.password", doc: "password of `palette.user`", secret: true, target: func(c *Config) any { return &c.Palette.Password }},
		{path: "palette.system", doc: "log in to the system console of a self-hosted Palette: the entry is then one of the system", target: func(c *Config) any { return &c.Palette.System }},
		{path: "palette.ca", doc: "PEM file with further authorities, trusted for Palette and for the advertised address", target: func(c *Config) any { return &c.Palette.CA }},
		{path: "palette.name", doc: "name of the entry that is made in Palette at start; empty makes none", target: func(c *Config) any { return &c.Palette.Name }},
		{path: "palette.kind", doc: "`oci`, or `pack` for the legacy kind", target: func(c *Config) any { return &c.Palette.Kind }},
		{path: "palette.namespace", doc: "namespace that Palette reads (its base content path)", target: func(c *Config) any { return &c.Palette.Namespace }},
		{path: "palette.advertise", doc: "address at which Palette reaches this registry, `https://host[:port][/prefix]`", target: func(c *Config) any { return &c.Palette.Advertise }},

		{path: "retention.overwritten", doc: "how long an overwritten revision stays fetchable by digest, such as `90d`; `0` is without end", target: func(c *Config) any { return &c.Retention.Overwritten }},
		{path: "sweep.interval", doc: "how often unreferenced blobs are removed; `0` leaves it to `registry admin sweep`", target: func(c *Config) any { return &c.Sweep.Interval }},
		{path: "sweep.grace", doc: "how old an unreferenced blob must be", target: func(c *Config) any { return &c.Sweep.Grace }},
	}
}
