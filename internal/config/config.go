// Package config turns a YAML file and REGISTRY_* variables into a typed
// configuration. It is a drop-in for the vendor's legacy server: its documented
// sample files load unchanged, and what is unknown is a warning, not an error.
//
// Every key stands once, in the table of keys.go: the loader, the environment
// names, the effective configuration and the documentation all come from it.
package config

import (
	"net/netip"
	"time"
)

// Config is a loaded and checked configuration.
type Config struct {
	Log        Log
	Storage    Storage
	HTTP       HTTP
	Auth       Auth
	Database   Database
	Namespaces map[string]Namespace
	Limits     Limits
	Palette    Palette
	Retention  Retention
	Sweep      Sweep

	// AdminPassword is REGISTRY_ADMIN_PASSWORD (or the content of the file that
	// REGISTRY_ADMIN_PASSWORD_FILE names); "" when not given. It is no key of the file.
	AdminPassword string

	version, blobDescriptor string // read for the vendor's files, without effect
	authScheme              string
	inMemory                bool // storage: {inmemory: ...}
	proxies                 List
	origins                 map[string]string // where each key's value came from
}

// Log says what is logged and how.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // auto (text on a terminal, else JSON), text, json
	Fields map[string]string
}

// The values of Storage.Driver.
const (
	DriverFilesystem = "filesystem"
	DriverS3         = "s3"
	DriverInMemory   = "inmemory"
)

// Storage says where blobs lie.
type Storage struct {
	Driver string // after loading one of the three, never empty
	// Root is the data folder: blobs when they lie in the file system, and always
	// the embedded database and uploads in flight.
	Root string
	S3   S3
}

// S3 is the bucket. Host, Port, Secure are the legacy spelling of Endpoint.
type S3 struct {
	Bucket, Region, Endpoint string
	RootDirectory            string // prefix of all keys
	AccessKey, SecretKey     string // empty: the AWS default credential chain
	SessionToken             string
	Timeout                  Duration
	MaxAttempts              int
	ForcePathStyle           string // auto (with an endpoint of its own), true, false
	Host, Port               string
	Secure                   bool
	Encrypt                  bool   // server-side encryption
	KeyID                    string // of a KMS key; "" means the bucket's own (AES256)
	CA                       string // PEM file with further trusted authorities
	Cache                    Size   // of copies on this machine's disk; 0: none
	// Redirect sends clients to the bucket for downloads, at RedirectEndpoint or else where this server reaches it.
	Redirect         bool
	RedirectEndpoint string
}

// HTTP is the listener.
type HTTP struct {
	Addr           string // host:port or :port
	Prefix         string // "" or /path without a slash at the end
	Headers        map[string]List
	TrustedProxies []netip.Prefix
	TLS            TLS
	MaxUploads     int           // uploads in flight
	DrainDelay     time.Duration // readiness is off for this long before the listener closes
	DrainTimeout   time.Duration // requests in flight get this long to end
	Debug          Debug
}

// Debug is a listener of its own for profiles and variables; without Addr there is none.
type Debug struct{ Addr string }

// TLS is HTTPS by files or by ACME; without either the server speaks plain HTTP.
type TLS struct {
	Certificate, Key string
	ClientCAs        List   // PEM files; a client must show a certificate of one of them
	MinimumTLS       string // tls1.0 to tls1.3
	LetsEncrypt      LetsEncrypt
}

// Enabled reports whether the listener speaks TLS.
func (t TLS) Enabled() bool { return t.Certificate != "" || len(t.LetsEncrypt.Hosts) > 0 }

// LetsEncrypt gets certificates by itself.
type LetsEncrypt struct {
	CacheFile string // a directory, in spite of the vendor's name for it
	Email     string
	Hosts     List
	Directory string // URL of the ACME directory; "" is Let's Encrypt
	CA        string // PEM file with authorities trusted for the ACME server
	HTTPAddr  string // listener for http-01 challenges; "none" leaves tls-alpn-01
}

// Auth says who may come in.
type Auth struct {
	Anonymous string // none, logos, pull
	Realm     string
	Htpasswd  string // path, "" none
	Admins    List   // names in the file
	Publisher List
	Cost      int // bcrypt cost of new hashes
}

// Database is the catalogue. After loading URL is never empty: sqlite://path,
// sqlite://:memory: or postgres://...
type Database struct{ URL string }

// Namespace has the settings of one namespace.
type Namespace struct{ Overwrite bool }

// Limits bound what is uploaded, in bytes (0: no limit, where allowed) and entries.
type Limits struct {
	Archive, Unpacked Size
	Entries           int
	Blob              Size
}

// Retention says how long overwritten revisions are kept; 0 is without end.
type Retention struct{ Overwritten Duration }

// Sweep says how often unreferenced blobs are looked for and how old they must be.
type Sweep struct{ Interval, Grace Duration }

// Overwrite reports whether a namespace lets content move without force.
func (c *Config) Overwrite(namespace string) bool { return c.Namespaces[namespace].Overwrite }
