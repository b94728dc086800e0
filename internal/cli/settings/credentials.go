package settings

import (
	"encoding/base64"
	"errors"
	"strings"
)

// Credentials are an account on a server. No Username means none.
type Credentials struct{ Username, Password string }

// encode is the auth of an entry: base64 of user:password, as Docker writes it.
func (c Credentials) encode() string {
	return base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password))
}

// decode reads an auth as scripts write it: padded or not, in lines, in either alphabet, with or without
// the line end that echo adds to what is encoded. The password may hold colons.
func decode(auth string) (Credentials, error) {
	text := strings.TrimRight(strings.Join(strings.Fields(auth), ""), "=")
	if text == "" {
		return Credentials{}, nil
	}
	plain, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		if plain, err = base64.RawURLEncoding.DecodeString(text); err != nil {
			return Credentials{}, errors.New("it is no base64")
		}
	}
	user, password, ok := strings.Cut(strings.TrimRight(string(plain), "\r\n\x00"), ":")
	if !ok || user == "" {
		return Credentials{}, errors.New("it is not user:password")
	}
	return Credentials{Username: user, Password: password}, nil
}
