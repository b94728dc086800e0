package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// DefaultCost is the bcrypt cost of new hashes: 50 to 70 ms on a small server,
// paid once, because verified credentials are cached.
const DefaultCost = 10

// The costs that are accepted. One step above MaxCost takes seconds of CPU for
// each wrong password, which anybody can send.
const (
	MinCost = bcrypt.MinCost
	MaxCost = 15
)

// maxPassword is where bcrypt stops looking. Two passwords that differ only
// beyond it would both open the account, so none is made longer.
const maxPassword = 72

// maxOffered bounds what a login may offer; nobody has a password of this length.
const maxOffered = 1024

// HashPassword makes a bcrypt hash ($2a$) of a password a person chose. It
// refuses empty passwords, passwords over 72 bytes (bcrypt would silently drop
// the rest) and line breaks or NUL, which no htpasswd tool can carry.
func HashPassword(password string, cost int) (string, error) {
	switch {
	case password == "":
		return "", errors.New("the password is empty")
	case len(password) > maxPassword:
		return "", fmt.Errorf("the password is %d bytes long, bcrypt takes at most %d", len(password), maxPassword)
	case strings.ContainsAny(password, "\x00\r\n"):
		return "", errors.New("the password contains a line break or a NUL byte")
	case cost < MinCost || cost > MaxCost:
		return "", fmt.Errorf("the bcrypt cost is %d, it must be %d to %d", cost, MinCost, MaxCost)
	}
	h, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return "", err
	}
	return string(h), nil
}

// alphabet leaves out what people misread and what shells expand.
const alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// NewPassword makes a random password of 20 letters and digits (about 116 bits).
func NewPassword() string {
	out := make([]byte, 0, 20)
	buf := make([]byte, 64)
	for len(out) < cap(out) {
		rand.Read(buf) // never fails (Go 1.24)
		for _, b := range buf {
			// Bytes beyond the last whole multiple would make some letters likelier.
			if n := len(alphabet); int(b) < 256/n*n && len(out) < cap(out) {
				out = append(out, alphabet[int(b)%n])
			}
		}
	}
	return string(out)
}

// ValidName says what is wrong with an account name, nil for nothing: a Basic
// header ends the name at the first colon (RFC 7617 section 2), and names appear
// in logs, change feeds and htpasswd lines.
func ValidName(name string) error {
	if name == "" || len(name) > 128 {
		return errors.New("an account name has 1 to 128 bytes")
	}
	for _, r := range name {
		if r <= ' ' || r == ':' || r == 0x7f || r == 0xfffd {
			return fmt.Errorf("the account name %q contains a blank, a colon or a control character", name)
		}
	}
	return nil
}

// hashCost checks the form of a bcrypt hash and returns its cost. Golang's bcrypt
// accepts any letter after $2; the letter x marks hashes made by a broken
// implementation, so only a, b and y are taken.
func hashCost(hash string) (int, error) {
	if len(hash) != 60 || hash[:2] != "$2" || !strings.Contains("aby", hash[2:3]) {
		return 0, errors.New("not a bcrypt hash ($2a$, $2b$ or $2y$; make one with htpasswd -B)")
	}
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil {
		return 0, errors.New("not a well-formed bcrypt hash")
	}
	if cost > MaxCost {
		return 0, fmt.Errorf("bcrypt cost %d is above %d", cost, MaxCost)
	}
	return cost, nil
}

// ValidHash says what is wrong with a hash that was made elsewhere, nil for nothing.
func ValidHash(hash string) error {
	_, err := hashCost(hash)
	return err
}

// compare checks a password the way htpasswd does (only the first 72 bytes count).
func compare(hash, password string) bool {
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}

// burn does the work of one comparison at the cost and throws the answer away.
func burn(cost int, password string) {
	// Salt and digest of no password anybody knows; only the cost matters.
	const rest = "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
	_ = bcrypt.CompareHashAndPassword(fmt.Appendf(nil, "$2a$%02d$%s", cost, rest), []byte(password))
}

// CheckPassword reports whether the password is that of the hash; false for what
// is no bcrypt hash.
func CheckPassword(hash, password string) bool {
	_, err := hashCost(hash)
	return err == nil && compare(hash, password)
}
