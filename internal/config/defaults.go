package config

import (
	"maps"
	"time"

	"packregistry/internal/pack"
)

const (
	defaultRoot = "./data"
	// vendorHtpasswd is where the vendor's image expects the file.
	vendorHtpasswd = "/auth/htpasswd-basic"
	// hsts is sent only by a listener that speaks TLS itself: RFC 6797 section 7.2
	// forbids it over plain HTTP, and behind a proxy it is the proxy's to say. Who
	// sets it in http.headers gets it always.
	hsts = "Strict-Transport-Security"
)

func defaults() *Config {
	return &Config{
		Log:     Log{Level: "info", Format: "auto", Fields: map[string]string{"service": "registry"}},
		Storage: Storage{Root: defaultRoot, S3: S3{ForcePathStyle: "auto", Secure: true, Cache: 1 << 30}},
		HTTP: HTTP{
			Addr: ":5000", Headers: map[string]List{}, MaxUploads: 32,
			DrainDelay: time.Second, DrainTimeout: 30 * time.Second,
			TLS: TLS{MinimumTLS: "tls1.2", LetsEncrypt: LetsEncrypt{HTTPAddr: ":80"}},
		},
		Auth:       Auth{Anonymous: "none", Realm: "basic-realm", Admins: List{"admin"}, Cost: 10},
		Namespaces: map[string]Namespace{},
		Limits:     Limits{Archive: 256 << 20, Unpacked: 1 << 30, Entries: 20_000},
		Palette:    Palette{Kind: "oci", Namespace: pack.DefaultNamespace},
		Sweep:      Sweep{Interval: Duration(time.Hour), Grace: Duration(time.Hour)},
		origins:    map[string]string{},
	}
}

// defaultHeaders are the vendor's (contract section 1.4), the Content-Security-Policy
// with the quote that its documentation loses.
func defaultHeaders(tls bool) map[string]List {
	h := map[string]List{
		"X-Content-Type-Options":  {"nosniff"},
		"Content-Security-Policy": {"img-src 'self'; script-src 'self'; style-src 'self'"},
		"X-Frame-Options":         {"DENY"},
		"X-Xss-Protection":        {"1; mode=block"},
		"Referrer-Policy":         {"same-origin"},
	}
	if tls {
		h[hsts] = List{"max-age=63072000; includeSubdomains; preload"}
	}
	return h
}

// withDefaultHeaders lays the given headers over the default ones; a header with
// an empty list is left out.
func withDefaultHeaders(given map[string]List, tls bool) map[string]List {
	h := defaultHeaders(tls)
	maps.Copy(h, given)
	maps.DeleteFunc(h, func(_ string, values List) bool { return len(values) == 0 })
	return h
}
