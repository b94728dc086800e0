package palette_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"packregistry/internal/palette"
)

// forms are the ways in which a secret could show.
func forms(user, secret string) []string {
	text, _ := json.Marshal(secret)
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(text), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(user + ":" + secret)),
	}
}

// TestNoSecretInErrors has a server that says again all that it was told, in every way that an answer can fail.
func TestNoSecretInErrors(t *testing.T) {
	const user = "ann@example.com"
	logins := map[*palette.Login][]string{
		{APIKey: apiKey}:                 forms("", apiKey),
		{User: user, Password: password}: append(forms(user, password), "token-4714"),
	}
	for _, status := range []int{302, 400, 401, 403, 404, 409, 422, 429, 500, 503} {
		for _, shape := range []string{"error", "details", "text", "cut"} {
			for login, secrets := range logins {
				secrets := append(forms("palette", reader), secrets...)
				c := newClock()
				s := serve(t, parrot(status, shape, secrets), nil)
				cl := client(t, s, c, func(o *palette.Options) { o.Login = *login })
				err := cl.Validate(context.Background(), entry(palette.KindOCI, "mine"))
				if err == nil {
					t.Fatalf("%d %s: no error", status, shape)
				}
				if s := contains(shown(err), secrets...); s != "" {
					t.Errorf("%d %s: %q is in %.3000s", status, shape, s, shown(err))
				}
			}
		}
	}
}

// parrot answers the login and repeats everything else.
func parrot(status int, shape string, secrets []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/auth/") {
			jsonAnswer(200, `{"Authorization":"token-4714"}`)(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		said := string(body) + fmt.Sprint(r.Header) + strings.Join(secrets, " ")
		w.Header().Set("Location", "https://elsewhere.example/?"+url.QueryEscape(said))
		switch shape {
		case "error":
			text, _ := json.Marshal(map[string]any{"code": said, "message": said, "ref": said})
			jsonAnswer(status, string(text))(w, r)
		case "details":
			text, _ := json.Marshal(map[string]any{"code": "x", "message": "x", "details": map[string]string{"a": said}})
			jsonAnswer(status, string(text))(w, r)
		case "text":
			w.WriteHeader(status)
			w.Write([]byte(said))
		case "cut":
			w.Header().Set("Content-Length", "100000")
			w.WriteHeader(status)
			w.Write([]byte(said))
		}
	}
}

// shown is an error in every way that it may be shown or logged.
func shown(err error) []byte {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Error("x", "err", err)
	slog.New(slog.NewTextHandler(&out, nil)).Error("x", "err", err)
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&out, "%v\n%+v\n", e, e)
	}
	return out.Bytes()
}

func TestSecretsHide(t *testing.T) {
	var out bytes.Buffer
	l := palette.Login{APIKey: apiKey, Password: password}
	e := entry(palette.KindOCI, "mine")
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %d", l, l, l, l.APIKey, l.APIKey, l.APIKey, l.APIKey)
	fmt.Fprintf(&out, "%v %+v %#v", *e, e, *e)
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "login", l, "key", l.APIKey, "entry", e)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "login", l, "key", l.APIKey, "entry", e)
	hex := fmt.Sprintf("%x", apiKey)
	if s := contains(out.Bytes(), append(append(forms("", apiKey), hex), append(forms("", password), forms("", reader)...)...)...); s != "" {
		t.Errorf("%q is in %s", s, out.String())
	}
}

func TestRedirectGetsNothing(t *testing.T) {
	asked := 0
	other := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }), nil)
	c := newClock()
	s := serve(t, http.RedirectHandler(other.URL+"/v1/x", http.StatusTemporaryRedirect), nil)
	_, err := client(t, s, c, nil).List(context.Background(), palette.KindOCI)
	if err == nil || asked != 0 || !strings.Contains(err.Error(), strings.TrimPrefix(other.URL, "https://")) {
		t.Errorf("%d requests there, %v", asked, err)
	}
}

func TestProxyThatCannotBeRead(t *testing.T) {
	c := newClock()
	_, s := fake(t, c)
	cl := client(t, s, c, func(o *palette.Options) {
		o.Proxy = func(*http.Request) (*url.URL, error) {
			return nil, fmt.Errorf("invalid proxy address %q: no", "http://me:"+reader+"@x y")
		}
	})
	_, err := cl.List(context.Background(), palette.KindOCI)
	if err == nil || !strings.Contains(err.Error(), "HTTPS_PROXY") {
		t.Fatal(err)
	}
	if s := contains(shown(err), reader); s != "" {
		t.Errorf("the proxy's password is in %v", err)
	}
}
