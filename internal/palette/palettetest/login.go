package palettetest

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"time"
)

// tokenLife is how long a login holds (vendor documentation of syslogin).
const tokenLife = 15 * time.Minute

type session struct {
	system bool
	until  time.Time
}

// caller is who asks.
type (
	caller    struct{ system bool }
	callerKey struct{}
)

func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

func (c caller) scope() string {
	if c.system {
		return "system"
	}
	return "tenant"
}

func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func unauthorized(message string) error {
	return &refusal{status: http.StatusUnauthorized, code: "UserNotAuthenticated", message: message}
}

// who reads the headers of contract 4: ApiKey, Authorization with a tenant's token, or the cookie of the system console.
func (p *Palette) who(r *http.Request) (caller, error) {
	if key := r.Header.Get("ApiKey"); key != "" {
		if !same(key, p.o.APIKey) {
			return caller{}, unauthorized("Invalid API key")
		}
		return caller{}, nil
	}
	token, system := r.Header.Get("Authorization"), false
	if token == "" {
		if c, err := r.Cookie("Authorization"); err == nil {
			token, system = c.Value, true
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.tokens[token]
	if !ok || s.system != system || !p.o.Now().Before(s.until) {
		return caller{}, unauthorized("Missing or invalid authorization token")
	}
	return caller{system: system}, nil
}

// Expire ends all logins, as if 15 minutes had passed.
func (p *Palette) Expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.tokens)
}

func (p *Palette) newToken(system bool) string {
	token := "ey." + rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens[token] = session{system, p.o.Now().Add(tokenLife)}
	return token
}

// authenticate is swagger v1AuthLogin to v1UserToken.
func (p *Palette) authenticate(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		EmailID  string `json:"emailId"`
		Password string `json:"password"`
		Org      string `json:"org"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	u, ok := p.o.Users[body.EmailID]
	switch {
	case !ok || !same(body.Password, u.Password):
		return unauthorized("Invalid email or password")
	case u.MFA:
		return answer(w, http.StatusOK, map[string]any{"Authorization": "", "isMfa": true})
	}
	return answer(w, http.StatusOK, map[string]any{"Authorization": p.newToken(false), "isMfa": false})
}

// syslogin is as the vendor's documentation shows it.
func (p *Palette) syslogin(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	if u, ok := p.o.System[body.Username]; !ok || !same(body.Password, u.Password) {
		return unauthorized("Invalid username or password")
	}
	return answer(w, http.StatusOK, map[string]any{"Authorization": p.newToken(true), "IsPasswordReset": true})
}
