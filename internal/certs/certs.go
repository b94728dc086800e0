// Package certs makes a private certificate authority and a server certificate of it,
// as files, for registries that no public authority can vouch for. Only crypto/x509.
package certs

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The files in the folder. PaletteFile is for Palette's upload field, which wants
// the complete chain: server, then root (palette-contract 1.8).
const (
	CAFile      = "ca.crt"
	CAKeyFile   = "ca.key"
	CertFile    = "tls.crt"
	KeyFile     = "tls.key"
	PaletteFile = "palette.pem"
)

// Lifetimes. DefaultDays is the most that all common clients accept of a private authority.
const (
	DefaultDays = 825
	maxDays     = 3650
	caDays      = 3650
	// early is how long before its end a certificate is made anew.
	early = 30 * 24 * time.Hour
	// skew lets clients whose clock is behind accept a fresh certificate.
	skew = time.Hour
)

// Options say what to make.
type Options struct {
	// Dir is made when it is not there.
	Dir string
	// Names are host names and IP addresses, as clients type them. Empty means those of
	// the certificate that is there, else Defaults().
	Names []string
	// Days is how long the server certificate holds; 0 means DefaultDays. It never outlives its authority.
	Days int
	// Renew makes a new server certificate even when the one that is there would do.
	Renew bool
	// Dry changes nothing: the Result tells what would have been made.
	Dry bool
	Now func() time.Time
}

// Result tells what was done.
type Result struct {
	Dir string `json:"dir"`
	// MadeCA and MadeCertificate are false for what was there and was kept.
	MadeCA          bool `json:"madeCA"`
	MadeCertificate bool `json:"madeCertificate"`
	// Reason is why the certificate was made.
	Reason   string    `json:"reason,omitempty"`
	Names    []string  `json:"names"`
	NotAfter time.Time `json:"notAfter"`
	CAUntil  time.Time `json:"caNotAfter"`
}

// Path is where a file of the result lies.
func (r *Result) Path(file string) string { return filepath.Join(r.Dir, file) }

// Make brings the folder into the state that the options describe, and changes
// nothing when it is in it. An authority that is there is used, never replaced.
func Make(o Options) (*Result, error) {
	if o.Days == 0 {
		o.Days = DefaultDays
	}
	if o.Days < 1 || o.Days > maxDays {
		return nil, fmt.Errorf("a certificate holds from 1 to %d days, not %d", maxDays, o.Days)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if !o.Dry {
		if err := makeDir(dir); err != nil {
			return nil, err
		}
	}
	now := o.Now()
	res := &Result{Dir: dir}
	old, err := readPair(dir, CertFile, KeyFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; move both files away to have new ones made", err)
	}
	names := o.Names
	if len(names) == 0 && old != nil {
		names = namesOf(old.cert)
	} else if len(names) == 0 {
		if names, err = Defaults(); err != nil {
			return nil, err
		}
	}
	if names, err = normalise(names); err != nil {
		return nil, err
	}
	ca, made, err := authority(dir, names[0], now, o.Dry)
	if err != nil {
		return nil, err
	}
	res.MadeCA, res.CAUntil, res.Names = made, ca.cert.NotAfter, names
	if res.Reason = reason(old, ca, names, now); res.Reason == "" && o.Renew {
		res.Reason = "renewed as asked"
	}
	if res.Reason != "" {
		if old, err = issue(ca, names, now, o.Days); err != nil {
			return nil, err
		}
		res.MadeCertificate = true
		if !o.Dry {
			if err := old.write(dir, CertFile, KeyFile); err != nil {
				return nil, err
			}
		}
	}
	res.NotAfter = old.cert.NotAfter
	if o.Dry {
		return res, nil
	}
	// Written each time: it is a copy, and mended when it is not one any more.
	return res, writeFile(res.Path(PaletteFile), slices.Concat(encode(old.cert), encode(ca.cert)), 0o644)
}

// authority reads the folder's authority or makes one.
func authority(dir, name string, now time.Time, dry bool) (ca *pair, made bool, err error) {
	ca, err = readPair(dir, CAFile, CAKeyFile)
	switch {
	case errors.Is(err, os.ErrNotExist):
		ca, err = newAuthority(name, now)
		if err != nil || dry {
			return ca, true, err
		}
		return ca, true, ca.write(dir, CAFile, CAKeyFile)
	case err != nil:
		return nil, false, fmt.Errorf("%w; bring back what is missing, or move the authority away to have a new one made, which every client must then trust", err)
	case !ca.cert.IsCA:
		return nil, false, fmt.Errorf("%s is no certificate authority", filepath.Join(dir, CAFile))
	case !now.Before(ca.cert.NotAfter):
		return nil, false, fmt.Errorf("the authority in %s ended on %s: move %s and %s away to have a new one made, which every client must then trust",
			dir, ca.cert.NotAfter.Format(time.DateOnly), CAFile, CAKeyFile)
	}
	return ca, false, nil
}

// reason is why the certificate that is there will not do, or "".
func reason(old, ca *pair, names []string, now time.Time) string {
	switch {
	case old == nil:
		return "there was none"
	case old.cert.CheckSignatureFrom(ca.cert) != nil:
		return "the old one is of another authority"
	case !slices.Equal(namesOf(old.cert), names):
		return "the names are others"
	case !now.Add(early).Before(old.cert.NotAfter) && old.cert.NotAfter.Before(ca.cert.NotAfter):
		return "the old one ends on " + old.cert.NotAfter.Format(time.DateOnly)
	case !now.Before(old.cert.NotAfter):
		return "the old one has ended"
	}
	return ""
}

// pair is a certificate and its key.
type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}
