package settings

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"packregistry/internal/pack"
)

// Helper is a credential helper by the end of its program's name: docker-credential-NAME. It speaks Docker's protocol.
type Helper string

// notFound is what helpers say of a server that they do not know.
const notFound = "credentials not found in native keychain"

// Program is the program's name.
func (h Helper) Program() string { return "docker-credential-" + string(h) }

// Get asks for the credentials of a server; no Username means that there are none.
func (h Helper) Get(ctx context.Context, server string) (Credentials, error) {
	c, err := credentials.NewNativeStore(string(h)).Get(ctx, key(server))
	if err != nil {
		return Credentials{}, h.failed(ctx, "get", err)
	}
	return Credentials{Username: c.Username, Password: c.Password}, nil // an identity token has no user name, and is not for us
}

// Store keeps the credentials of a server.
func (h Helper) Store(ctx context.Context, server string, c Credentials) error {
	err := credentials.NewNativeStore(string(h)).Put(ctx, key(server), auth.Credential{Username: c.Username, Password: c.Password})
	if err != nil && !errors.Is(err, exec.ErrNotFound) && says(err, c.Password) {
		err = errors.New("what it said is not shown, for the password is in it")
	}
	return h.failed(ctx, "store", err)
}

// Erase forgets them. That there are none is no failure.
func (h Helper) Erase(ctx context.Context, server string) error {
	err := credentials.NewNativeStore(string(h)).Delete(ctx, key(server))
	if err != nil && err.Error() == notFound {
		return nil
	}
	return h.failed(ctx, "erase", err)
}

// says reports whether a helper repeats a secret, plainly or as the JSON that it was given.
func says(err error, secret string) bool {
	text, broken := json.Marshal(secret)
	return broken != nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), strings.Trim(string(text), `"`))
}

func (h Helper) failed(ctx context.Context, action string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return pack.Errorf(pack.KindInternal, "helper_missing",
			"the credential helper %s, which Docker's config.json names, is not there; install it, or take it out of credsStore and credHelpers", h.Program())
	}
	return pack.Errorf(pack.KindInternal, "helper_failed", "the credential helper %s failed (%s): %s", h.Program(), action, err)
}
