package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"packregistry/internal/certs"
)

func TestCertificates(t *testing.T) {
	face, now := newFace(t, nil), time.Now()
	for name, tt := range map[string]struct {
		made   time.Time
		names  []string
		change func(*Options)
		check  string
		status Status
		parts  []string
	}{
		"other name":   {now, []string{"packs.example.com"}, nil, "names", Failed, []string{"no IP SANs", "registry admin cert --host 127.0.0.1"}},
		"other IP":     {now, []string{"10.0.0.1"}, nil, "names", Failed, []string{"for 10.0.0.1, not for 127.0.0.1"}},
		"expired":      {now.AddDate(0, 0, -certs.DefaultDays-1), []string{"127.0.0.1"}, nil, "certificate", Failed, []string{"it ended on", "renew"}},
		"not yet":      {now.AddDate(0, 0, 2), []string{"127.0.0.1"}, nil, "certificate", Failed, []string{"begins only", "clock"}},
		"ends soon":    {now.AddDate(0, 0, -certs.DefaultDays+9), []string{"127.0.0.1"}, nil, "certificate", Warning, []string{"within days"}},
		"unknown CA":   {now, []string{"127.0.0.1"}, func(o *Options) { o.CA = nil }, "certificate", Failed, []string{"this machine does not trust", "--ca ca.crt"}},
		"wrong --ca":   {now, []string{"127.0.0.1"}, func(o *Options) { o.CA = otherCA(t) }, "certificate", Failed, []string{"the CA file does not hold"}},
		"DNS for DNS":  {now, []string{"packs.example.com"}, func(o *Options) { o.Address = strings.Replace(o.Address, "127.0.0.1", "localhost", 1) }, "names", Failed, []string{"for packs.example.com, not for localhost"}},
		"all is right": {now, []string{"127.0.0.1"}, nil, "names", OK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var passwords int
			h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "" {
					passwords++
				}
				face.ServeHTTP(w, r)
			}), tt.made, tt.names...)
			o := h.options()
			if tt.change != nil {
				tt.change(&o)
			}
			r := examine(t, o)
			r.want(t, tt.check, tt.status, tt.parts...)
			if r.Healthy != (tt.status != Failed) {
				t.Errorf("healthy %v", r.Healthy)
			}
			if tt.status != Failed {
				return
			}
			h.Close() // no request is under way any more
			if passwords > 0 {
				t.Error("the password went to a server that was not trusted")
			}
			r.want(t, "login", Skipped, "was not sent")
			if block, _ := pem.Decode([]byte(r.Forms[0].Certificate)); block == nil || !strings.Contains(r.Text(), "does not hold yet") {
				t.Error("what the server sends is not shown, or without a word of warning")
			}
		})
	}
}

func otherCA(t *testing.T) []byte {
	t.Helper()
	r, err := certs.Make(certs.Options{Dir: t.TempDir(), Names: []string{"x"}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(r.Path(certs.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSelfSigned(t *testing.T) {
	s := httptest.NewUnstartedServer(newFace(t, nil))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS() // with a certificate of net/http, which nobody vouches for
	defer s.Close()
	r := examine(t, Options{Address: s.URL, Now: time.Now})
	if c := r.find(t, "certificate"); c.Status != Failed {
		t.Errorf("%+v", c)
	}
}

func TestOldTLSAndClientCertificates(t *testing.T) {
	face := newFace(t, nil)
	demand := func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool() }
	for name, tt := range map[string]struct {
		change func(*tls.Config)
		check  string
		status Status
		part   string
	}{
		"old accepted":           {func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 }, "tls floor", Warning, "minimumtls"},
		"only old":               {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "tls", Failed, "minimumtls"},
		"client certificate":     {demand, "health", Failed, "http.tls.clientcas"},
		"client certificate 1.2": {func(c *tls.Config) { demand(c); c.MaxVersion = tls.VersionTLS12 }, "tls", Failed, "http.tls.clientcas"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, face, time.Now(), "127.0.0.1")
			tt.change(h.TLS)
			examine(t, h.options()).want(t, tt.check, tt.status, tt.part)
		})
	}
}
