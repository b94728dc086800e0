package appliance

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"packregistry/internal/auth"
	"packregistry/internal/certs"
)

// How TLS is done.
const (
	tlsPrivate = "private" // a CA of the appliance's own
	tlsFiles   = "files"   // certificate and key are given
	tlsACME    = "acme"
	tlsNone    = "none" // a proxy in front does it
)

// Answers are what a first boot has to be told. Everything has a default.
type Answers struct {
	Names []string
	Port  string
	TLS   struct {
		Mode, Certificate, Key string
		ACME                   struct{ Email, Directory, CA string }
	}
	Admin    struct{ PasswordHash string }
	Packs    string
	Data     string
	S3       struct{ Endpoint, Bucket, Region, AccessKey, SecretKey, ForcePathStyle, CA string }
	Database struct{ URL string }
	Palette  struct{ URL, Name, Kind, Namespace, Advertise, APIKey, APIKeyFile, CA string }

	any  bool // something was answered
	kept bool // nothing was, and these are those of the configuration that is there
}

// Question is one answer's name and meaning.
type Question struct {
	// Key is how a file spells it; a flag has hyphens for the dots, an OVF property underscores.
	Key, Doc string
	// Secret answers have no flag: arguments are everybody's to see.
	Secret bool
	target func(*Answers) any // *string or *[]string
}

// Flag is the name of its flag, "" for a secret one.
func (q Question) Flag() string {
	if q.Secret {
		return ""
	}
	return strings.ReplaceAll(q.Key, ".", "-")
}

// Property is the name of its OVF property, which may hold no dot (DSP0243, 9.5.1).
func (q Question) Property() string { return strings.ReplaceAll(q.Key, ".", "_") }

// Questions are all answers that are taken.
func Questions() []Question {
	return []Question{
		{Key: "names", Doc: "DNS names and IP addresses that clients use, the first one for the address that is shown; default: this machine's", target: func(a *Answers) any { return &a.Names }},
		{Key: "port", Doc: "TCP port; default 443, with tls none 80", target: func(a *Answers) any { return &a.Port }},
		{Key: "tls.mode", Doc: "private (a CA of its own), files, acme, or none (a proxy in front does it); default private, or files when a certificate is given", target: func(a *Answers) any { return &a.TLS.Mode }},
		{Key: "tls.certificate", Doc: "for files: the certificate and its chain, as PEM, PEM in base64, or a path", target: func(a *Answers) any { return &a.TLS.Certificate }},
		{Key: "tls.key", Doc: "for files: the private key, in the same ways", Secret: true, target: func(a *Answers) any { return &a.TLS.Key }},
		{Key: "tls.acme.email", Doc: "for acme: the contact given to the authority", target: func(a *Answers) any { return &a.TLS.ACME.Email }},
		{Key: "tls.acme.directory", Doc: "for acme: URL of the directory; default Let's Encrypt", target: func(a *Answers) any { return &a.TLS.ACME.Directory }},
		{Key: "tls.acme.ca", Doc: "for acme: authority trusted for the directory, as PEM, PEM in base64, or a path", target: func(a *Answers) any { return &a.TLS.ACME.CA }},
		{Key: "admin.passwordhash", Doc: "bcrypt hash of the administrator's password (htpasswd -nB admin); default: a password is made and shown once on the console", Secret: true, target: func(a *Answers) any { return &a.Admin.PasswordHash }},
		{Key: "packs", Doc: "folder of packs (zip, tar.gz, directories) that are taken in before the start; a bad one is logged and passed over", target: func(a *Answers) any { return &a.Packs }},
		{Key: "storage.data", Doc: "data folder; default /var/lib/pack-registry", target: func(a *Answers) any { return &a.Data }},
		{Key: "storage.s3.endpoint", Doc: "URL of an S3-compatible server", target: func(a *Answers) any { return &a.S3.Endpoint }},
		{Key: "storage.s3.bucket", Doc: "bucket for packs; default: they lie in the data folder", target: func(a *Answers) any { return &a.S3.Bucket }},
		{Key: "storage.s3.region", Doc: "region of the bucket", target: func(a *Answers) any { return &a.S3.Region }},
		{Key: "storage.s3.accesskey", Doc: "access key", target: func(a *Answers) any { return &a.S3.AccessKey }},
		{Key: "storage.s3.secretkey", Doc: "secret key", Secret: true, target: func(a *Answers) any { return &a.S3.SecretKey }},
		{Key: "storage.s3.forcepathstyle", Doc: "true or false; default: as the endpoint needs it", target: func(a *Answers) any { return &a.S3.ForcePathStyle }},
		{Key: "storage.s3.ca", Doc: "authority trusted for the endpoint, as PEM, PEM in base64, or a path", target: func(a *Answers) any { return &a.S3.CA }},
		{Key: "database.url", Doc: "postgres://user:password@host:port/name; default: embedded, in the data folder", Secret: true, target: func(a *Answers) any { return &a.Database.URL }},
		{Key: "palette.url", Doc: "address of Palette; default: not connected", target: func(a *Answers) any { return &a.Palette.URL }},
		{Key: "palette.name", Doc: "name of the registry in Palette; default pack-registry", target: func(a *Answers) any { return &a.Palette.Name }},
		{Key: "palette.kind", Doc: "oci or pack; default oci", target: func(a *Answers) any { return &a.Palette.Kind }},
		{Key: "palette.namespace", Doc: "namespace that Palette shows; default default", target: func(a *Answers) any { return &a.Palette.Namespace }},
		{Key: "palette.advertise", Doc: "address at which Palette reaches this registry; default: the first name and the port", target: func(a *Answers) any { return &a.Palette.Advertise }},
		{Key: "palette.apikey", Doc: "API key of Palette", Secret: true, target: func(a *Answers) any { return &a.Palette.APIKey }},
		{Key: "palette.apikeyfile", Doc: "file that holds it", target: func(a *Answers) any { return &a.Palette.APIKeyFile }},
		{Key: "palette.ca", Doc: "authority trusted for Palette, as PEM, PEM in base64, or a path", target: func(a *Answers) any { return &a.Palette.CA }},
	}
}

// answer makes Answers of the values.
func answer(values map[string]string) *Answers {
	a := &Answers{}
	for _, q := range Questions() {
		value := strings.TrimSpace(values[q.Key])
		if value == "" {
			continue
		}
		a.any = true
		switch t := q.target(a).(type) {
		case *string:
			*t = value
		case *[]string:
			*t = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
		}
	}
	return a
}

// complete fills in defaults and checks what can be checked without the machine.
func (a *Answers) complete(p paths) error {
	if a.TLS.Mode == "" {
		a.TLS.Mode = tlsPrivate
		if a.TLS.Certificate != "" {
			a.TLS.Mode = tlsFiles
		}
	}
	if a.Port == "" {
		a.Port = "443"
		if a.TLS.Mode == tlsNone {
			a.Port = "80"
		}
	}
	if a.Data == "" {
		a.Data = p.stateDir()
	}
	for _, pem := range []struct {
		key  string
		text *string
	}{
		{"tls.certificate", &a.TLS.Certificate}, {"tls.key", &a.TLS.Key}, {"tls.acme.ca", &a.TLS.ACME.CA}, {"storage.s3.ca", &a.S3.CA}, {"palette.ca", &a.Palette.CA},
	} {
		if err := resolvePEM(pem.text); err != nil {
			return fmt.Errorf("%s: %w", pem.key, err)
		}
	}
	return errors.Join(a.checkTLS(), a.checkData(p), a.checkStorage(), a.completePalette(p))
}

// checkData refuses a data folder that the server would look for elsewhere than the set-up, and one that holds more than
// data: the folder is taken from all others than the server.
func (a *Answers) checkData(p paths) error {
	if !filepath.IsAbs(a.Data) {
		return fmt.Errorf("storage.data: %q is no absolute path; begin it with /", a.Data)
	}
	for _, other := range []string{p.etc(), p.run(), p.log()} {
		if within(other, a.Data) {
			return fmt.Errorf("storage.data: %s also holds %s; name a folder for packs alone", a.Data, other)
		}
	}
	return nil
}

func (a *Answers) checkTLS() error {
	if n, err := strconv.Atoi(a.Port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("port: %q is no port; use a number from 1 to 65535", a.Port)
	}
	if !slices.Contains([]string{tlsPrivate, tlsFiles, tlsACME, tlsNone}, a.TLS.Mode) {
		return fmt.Errorf("tls.mode: %q is unknown; use private, files, acme or none", a.TLS.Mode)
	}
	switch {
	case a.TLS.Mode == tlsFiles && (a.TLS.Certificate == "" || a.TLS.Key == ""):
		return errors.New("tls.mode: files needs tls.certificate and tls.key")
	case a.TLS.Mode != tlsFiles && (a.TLS.Certificate != "" || a.TLS.Key != ""):
		return fmt.Errorf("tls.mode: %s and a given certificate exclude each other; use files, or leave tls.certificate and tls.key out", a.TLS.Mode)
	case a.TLS.Mode == tlsACME && len(a.Names) == 0:
		return errors.New("tls.mode: acme needs the DNS names in names")
	}
	if hash := a.Admin.PasswordHash; hash != "" {
		hash = strings.TrimPrefix(hash, "admin:") // as htpasswd -nB admin prints it
		if err := auth.ValidHash(hash); err != nil {
			return fmt.Errorf("admin.passwordhash: %w", err)
		}
		a.Admin.PasswordHash = hash
	}
	return nil
}

func (a *Answers) checkStorage() error {
	if a.S3.Bucket == "" && (a.S3.Endpoint != "" || a.S3.AccessKey != "" || a.S3.SecretKey != "") {
		return errors.New("storage.s3.bucket: no bucket is named")
	}
	if a.Database.URL != "" && !strings.HasPrefix(a.Database.URL, "postgres://") && !strings.HasPrefix(a.Database.URL, "postgresql://") {
		return errors.New("database.url: write postgres://user:password@host:port/name, or leave it out for the embedded database")
	}
	return nil
}

// completePalette reads the key; the rest is checked with the configuration.
func (a *Answers) completePalette(at paths) error {
	p := &a.Palette
	if p.URL == "" {
		if p.APIKey != "" || p.APIKeyFile != "" {
			return errors.New("palette.url: an API key is given but no address of Palette")
		}
		return nil
	}
	switch {
	case a.TLS.Mode == tlsNone && !strings.HasPrefix(p.Advertise, "https://"):
		return errors.New("palette.advertise: Palette speaks HTTPS alone; with tls none name the https:// address of the proxy")
	case p.APIKey != "" && p.APIKeyFile != "":
		return errors.New("palette.apikeyfile: the API key is given twice; remove one")
	case p.APIKey == "" && p.APIKeyFile == "":
		return errors.New("palette.apikey: Palette needs an API key; give palette.apikey or palette.apikeyfile")
	case p.APIKeyFile != "":
		text, err := readSmall(p.APIKeyFile)
		if err != nil {
			return fmt.Errorf("palette.apikeyfile: %w", err)
		}
		if p.APIKey = strings.TrimSpace(string(text)); p.APIKey == "" {
			return fmt.Errorf("palette.apikeyfile: %s is empty", p.APIKeyFile)
		}
	}
	for text, word := range map[*string]string{&p.Name: "pack-registry", &p.Kind: "oci", &p.Namespace: "default"} {
		if *text == "" {
			*text = word
		}
	}
	if p.Advertise == "" {
		address, err := a.address(at.certified())
		if err != nil {
			return err
		}
		p.Advertise = address
	}
	return nil
}

// address is the URL that clients use. Without names it is this machine's first address: its name need not be in anybody's
// DNS. Of those that a certificate has the same is taken again, for addresses may have changed since.
func (a *Answers) address(certified []string) (string, error) {
	names := a.Names
	if len(names) == 0 {
		if names = certified; len(names) == 0 {
			var err error
			if names, err = certs.Defaults(); err != nil {
				return "", err
			}
		}
		i := slices.IndexFunc(names, func(n string) bool {
			ip := net.ParseIP(n)
			return ip != nil && ip.IsGlobalUnicast()
		})
		names = names[max(i, 0):]
	}
	u := url.URL{Scheme: "https", Host: net.JoinHostPort(names[0], a.Port)}
	if a.TLS.Mode == tlsNone {
		u.Scheme = "http"
	}
	if standard := map[string]string{"https": "443", "http": "80"}[u.Scheme]; standard == a.Port {
		u.Host = strings.TrimSuffix(net.JoinHostPort(names[0], ""), ":")
	}
	return u.String(), nil
}

// readSmall reads a file that is no larger than a secret or a chain of certificates.
func readSmall(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > 1<<20 {
		return nil, fmt.Errorf("%s must be a regular file of at most 1 MiB", path)
	}
	return os.ReadFile(path)
}
