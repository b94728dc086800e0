package palette

import (
	"context"
	"net/http"

	"packregistry/internal/pack"
)

// Login is who asks: an API key, or a user with a password.
type Login struct {
	// APIKey is sent as the header ApiKey (contract 4, documented).
	APIKey Secret
	// User is the email address of a tenant's user, or with System the name of an administrator of the system console.
	User     string
	Password Secret
	// System logs in to the system console of a self-hosted Palette.
	System bool
}

func (l Login) check() error {
	switch {
	case l.APIKey == "" && l.User == "":
		return pack.Errorf(pack.KindInvalid, "palette_login_missing", "an API key of Palette is needed, or a user and a password")
	case l.APIKey != "" && (l.User != "" || l.System):
		return pack.Errorf(pack.KindInvalid, "palette_login_ambiguous", "either an API key of Palette or a user and a password is needed, not both")
	case l.User != "" && l.Password == "":
		return pack.Errorf(pack.KindInvalid, "palette_login_missing", "the password of the Palette user %s is missing", l.User)
	}
	return nil
}

// session is what a login gave. Tokens live 15 minutes (vendor documentation of syslogin); one that ended answers 401
// and is fetched anew then.
type session struct {
	lock  chan struct{} // holds one element while somebody works on token; a mutex would not end with a context
	token Secret
}

func (s *session) acquire(ctx context.Context) error {
	select {
	case s.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) release() { <-s.lock }

// token logs in unless that was done already.
func (c *Client) token(ctx context.Context) (Secret, error) {
	if err := c.session.acquire(ctx); err != nil {
		return "", err
	}
	defer c.session.release()
	if c.session.token != "" {
		return c.session.token, nil
	}
	r := &request{what: "log in", method: http.MethodPost, path: "/v1/auth/authenticate", open: true}
	if l := c.o.Login; l.System {
		// Contract 4, documented; the answer also has IsPasswordReset.
		r.path = "/v1/auth/syslogin"
		r.body = map[string]string{"username": l.User, "password": string(l.Password)}
	} else {
		r.body = map[string]string{"emailId": l.User, "password": string(l.Password)} // swagger v1AuthLogin
	}
	var answer struct {
		Authorization string `json:"Authorization"`
		IsMfa         bool   `json:"isMfa"`
	}
	if err := c.do(ctx, r, &answer); err != nil {
		return "", err
	}
	switch {
	case answer.IsMfa:
		return "", pack.Errorf(pack.KindUnauthorized, "palette_login_mfa", "Palette wants a second factor of %s, which no program has; make an API key and use that", c.o.Login.User)
	case answer.Authorization == "":
		return "", c.stranger("the answer to the login holds no token")
	}
	c.session.token = Secret(answer.Authorization)
	return c.session.token, nil
}

// forget drops a token that no longer holds, unless another request has already fetched a new one. It
// reports whether asking again is worth it.
func (c *Client) forget(ctx context.Context, used Secret) bool {
	if used == "" || c.session.acquire(ctx) != nil {
		return false
	}
	defer c.session.release()
	if c.session.token == used {
		c.session.token = ""
	}
	return true
}

// authorise puts who asks into the header; token is "" for an API key.
func (c *Client) authorise(ctx context.Context, h http.Header) (token Secret, err error) {
	if c.o.Login.APIKey != "" {
		h.Set("ApiKey", string(c.o.Login.APIKey))
		return "", nil
	}
	if token, err = c.token(ctx); err != nil {
		return "", err
	}
	if c.o.Login.System {
		h.Set("Cookie", "Authorization="+string(token)) // contract 4, documented
	} else {
		h.Set("Authorization", string(token))
	}
	return token, nil
}
