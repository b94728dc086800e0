package palette_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/palette"
	"packregistry/internal/palette/palettetest"
)

func TestLogins(t *testing.T) {
	ctx := context.Background()
	for name, tc := range map[string]struct {
		login palette.Login
		path  string
		wrong string // "" is success
	}{
		"tenant":          {palette.Login{User: "ann@example.com", Password: password}, "/v1/auth/authenticate", ""},
		"system":          {palette.Login{User: "admin", Password: password, System: true}, "/v1/auth/syslogin", ""},
		"key":             {palette.Login{APIKey: apiKey}, "", ""},
		"wrong key":       {palette.Login{APIKey: "other"}, "", "API key"},
		"wrong password":  {palette.Login{User: "ann@example.com", Password: "x"}, "/v1/auth/authenticate", "email address or password"},
		"wrong, system":   {palette.Login{User: "admin", Password: "x", System: true}, "/v1/auth/syslogin", "system console"},
		"a second factor": {palette.Login{User: "mfa@example.com", Password: password}, "/v1/auth/authenticate", "second factor"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			p, s := fake(t, c)
			cl := client(t, s, c, func(o *palette.Options) { o.Login = tc.login })
			_, err := cl.List(ctx, palette.KindOCI)
			if tc.wrong != "" {
				if !pack.IsKind(err, pack.KindUnauthorized) || !strings.Contains(err.Error(), tc.wrong) || len(c.long()) != 0 {
					t.Errorf("%v, waits %v", err, c.long())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.path == "" {
				return
			}
			// All that ask while the token is no good come through, and it is fetched a second time by one.
			p.Expire()
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					if _, err := cl.List(ctx, palette.KindPack); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := count(p, "POST", tc.path); n != 2 {
				t.Errorf("%d logins", n)
			}
		})
	}
}

func TestLoginOfATokenThatNeverHolds(t *testing.T) {
	c := newClock()
	p := palettetest.New(palettetest.Options{Users: map[string]palettetest.User{"ann@example.com": {Password: password}}, Now: c.now})
	s := serve(t, p, p.Close)
	cl := client(t, s, c, func(o *palette.Options) { o.Login = palette.Login{User: "ann@example.com", Password: password} })
	if _, err := cl.List(context.Background(), palette.KindOCI); err != nil {
		t.Fatal(err)
	}
	p.Fail(palettetest.Faults{Answer: []int{401}}) // once: the token is fetched anew
	if _, err := cl.List(context.Background(), palette.KindOCI); err != nil || count(p, "POST", "/v1/auth/authenticate") != 2 {
		t.Errorf("%v", err)
	}
	s2 := serve(t, jsonAnswer(401, `{"code":"x","message":"no"}`), nil)
	cl = client(t, s2, c, func(o *palette.Options) { o.Login = palette.Login{User: "ann@example.com", Password: password} })
	if _, err := cl.List(context.Background(), palette.KindOCI); !pack.IsKind(err, pack.KindUnauthorized) {
		t.Errorf("%v", err)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	c := newClock()
	good := func() palette.Options {
		return palette.Options{URL: "https://p.example", Login: palette.Login{APIKey: "k"}, Now: c.now}
	}
	for name, change := range map[string]func(*palette.Options){
		"no address":      func(o *palette.Options) { o.URL = " " },
		"a password":      func(o *palette.Options) { o.URL = "https://u:" + reader + "@p.example" },
		"clear":           func(o *palette.Options) { o.URL = "http://p.example" },
		"a query":         func(o *palette.Options) { o.URL = "https://p.example?a" },
		"unreadable":      func(o *palette.Options) { o.URL = "https://p.example:x" },
		"a scheme":        func(o *palette.Options) { o.URL = "ftp://p.example" },
		"no login":        func(o *palette.Options) { o.Login = palette.Login{} },
		"two logins":      func(o *palette.Options) { o.Login.User = "x" },
		"system and key":  func(o *palette.Options) { o.Login.System = true },
		"no password":     func(o *palette.Options) { o.Login = palette.Login{User: "x"} },
		"no CA in the CA": func(o *palette.Options) { o.CA = []byte("x") },
	} {
		o := good()
		change(&o)
		if _, err := palette.New(o); !pack.IsKind(err, pack.KindInvalid) || strings.Contains(err.Error(), reader) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, want := range map[string]string{
		"p.example": "https://p.example", "https://P.example/": "https://p.example", "https://p.example:444/v1/": "https://p.example:444",
		"http://127.0.0.1:1/x": "http://127.0.0.1:1/x", "http://[::1]:1": "http://[::1]:1",
	} {
		o := good()
		o.URL = text
		if cl, err := palette.New(o); err != nil || cl.URL() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
