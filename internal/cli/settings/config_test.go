package settings

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestHandwritten reads what scripts write (contract 2.5) and finds a server in it, whichever way it is spelt.
func TestHandwritten(t *testing.T) {
	admin := Credentials{"admin", "secret"}
	for name, c := range map[string]struct {
		text     string
		server   string
		want     Credentials
		insecure bool
		known    bool
	}{
		"the vendor's pipeline":    {`{ "auths": { "10.1.1.5:5000": { "auth": "YWRtaW46c2VjcmV0", "insecure": true } }, "defaultRegistry": "10.1.1.5:5000" }`, "10.1.1.5:5000", admin, true, true},
		"no insecure":              {`{"auths":{"packs.test":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test", admin, false, true},
		"insecure false":           {`{"auths":{"packs.test":{"auth":"YWRtaW46c2VjcmV0","insecure":false}}}`, "packs.test", admin, false, true},
		"no auth":                  {`{"auths":{"packs.test":{"insecure":true}}}`, "packs.test", Credentials{}, true, true},
		"an empty auth":            {`{"auths":{"packs.test":{"auth":""}}}`, "packs.test", Credentials{}, false, true},
		"an empty entry":           {`{"auths":{"packs.test":{}}}`, "packs.test", Credentials{}, false, true},
		"a null entry":             {`{"auths":{"packs.test":null}}`, "packs.test", Credentials{}, false, true},
		"no entry":                 {`{"auths":{"packs.test":{"auth":"YWRtaW46c2VjcmV0"}}}`, "other.test", Credentials{}, false, false},
		"another port":             {`{"auths":{"packs.test:5000":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test:5001", Credentials{}, false, false},
		"no port":                  {`{"auths":{"packs.test:5000":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test", Credentials{}, false, false},
		"another path":             {`{"auths":{"packs.test/a":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test/b", Credentials{}, false, false},
		"with https":               {`{"auths":{"https://packs.test":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test", admin, false, true},
		"with http and a slash":    {`{"auths":{"http://packs.test:5000/":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test:5000", admin, false, true},
		"asked for with http":      {`{"auths":{"packs.test:5000":{"auth":"YWRtaW46c2VjcmV0"}}}`, "http://packs.test:5000", admin, false, true},
		"in capitals":              {`{"auths":{"PACKS.Test":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test", admin, false, true},
		"with the standard port":   {`{"auths":{"packs.test:443":{"auth":"YWRtaW46c2VjcmV0"}}}`, "https://packs.test/", admin, false, true},
		"IPv6":                     {`{"auths":{"[2001:db8::1]:5000":{"auth":"YWRtaW46c2VjcmV0"}}}`, "http://[2001:DB8::1]:5000", admin, false, true},
		"two of one, one with":     {`{"auths":{"https://packs.test":{},"packs.test:443":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test", admin, false, true},
		"two of one, spelt alike":  {`{"auths":{"https://packs.test":{"auth":"b3RoZXI6eA=="},"packs.test":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test", admin, false, true},
		"lines in the auth":        {`{"auths":{"packs.test":{"auth":"YWRtaW46\nc2VjcmV0\n"}}}`, "packs.test", admin, false, true},
		"a line end in the secret": {`{"auths":{"packs.test":{"auth":"YWRtaW46c2VjcmV0Cg=="}}}`, "packs.test", admin, false, true},
		"without padding":          {`{"auths":{"packs.test":{"auth":"YWRtaW46c2VjcmV0Cg"}}}`, "packs.test", admin, false, true},
		"colons in the password":   {`{"auths":{"packs.test":{"auth":"YWRtaW46YTpiOg=="}}}`, "packs.test", Credentials{"admin", "a:b:"}, false, true},
		"the other alphabet":       {`{"auths":{"packs.test":{"auth":"YTo_Pz4-"}}}`, "packs.test", Credentials{"a", "??>>"}, false, true},
		"more in it":               {`{"auths":{"packs.test":{"auth":"YWRtaW46c2VjcmV0","email":"a@b"},"":{},"%":{}},"x":[1]}`, "packs.test", admin, false, true},
		"a byte order mark":        {"\ufeff" + `{"auths":{"packs.test":{"auth":"YWRtaW46c2VjcmV0"}}}`, "packs.test", admin, false, true},
		"null":                     {`null`, "packs.test", Credentials{}, false, false},
		"null inside":              {`{"auths":null,"defaultRegistry":null}`, "packs.test", Credentials{}, false, false},
		"nothing":                  {" \n", "packs.test", Credentials{}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := Load(write(t, c.text))
			if err != nil {
				t.Fatal(err)
			}
			entry, known := config.Find(c.server)
			got, err := entry.Credentials()
			if err != nil || known != c.known || got != c.want || entry.Insecure != c.insecure {
				t.Errorf("%v %+v, insecure %v, %v", known, got, entry.Insecure, err)
			}
		})
	}
	if config, err := Load(write(t, `{"defaultRegistry":" packs.test\n"}`)); err != nil || config.Default() != "packs.test" {
		t.Errorf("default: %v, %v", config, err)
	}
	if config, err := Load(t.TempDir() + "/none/config.json"); err != nil || config.Default() != "" || len(config.Servers()) > 0 {
		t.Errorf("no file: %v, %v", config, err)
	}
}

// TestBroken names the file and never writes over it.
func TestBroken(t *testing.T) {
	for text, says := range map[string]string{
		`{"auths":`:                             "unexpected end of JSON input",
		`{"auths":{}} trailing`:                 "invalid character",
		`[]`:                                    "a JSON array is out of place",
		`{"auths":[]}`:                          "auths: a JSON array is out of place",
		`{"auths":{"a.test":"x"}}`:              "auths: a JSON string is out of place",
		`{"defaultRegistry":7}`:                 "defaultRegistry: a JSON number is out of place",
		`{"auths":{"a.test":{"auth":7}}}`:       "auth of a.test: a JSON number is out of place",
		`{"auths":{"a.test":{"insecure":"y"}}}`: "insecure of a.test: a JSON string is out of place",
	} {
		path := write(t, text)
		_, err := Load(path)
		if code(err) != "settings_broken" || !strings.Contains(err.Error(), path+" is broken ("+says) {
			t.Errorf("%s: %v", text, err)
		}
		err = Update(filepath.Dir(path), func(c *Config) error { c.SetDefault("a.test"); return nil })
		if now, _ := os.ReadFile(path); code(err) != "settings_broken" || string(now) != text {
			t.Errorf("%s became %s: %v", text, now, err)
		}
	}
	if _, err := Load(t.TempDir()); code(err) != "settings_unreadable" {
		t.Errorf("a folder: %v", err)
	}
}

// TestBrokenAuth is told of the server that is asked for, and of no other.
func TestBrokenAuth(t *testing.T) {
	for auth, says := range map[string]string{"%%%": "no base64", "YWRtaW4=": "not user:password", "OnNlY3JldA==": "not user:password"} {
		config, err := Load(write(t, `{"auths":{"a.test":{"auth":"`+auth+`"},"b.test":{"auth":"YWRtaW46c2VjcmV0"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		a, _ := config.Find("a.test")
		if _, err := a.Credentials(); code(err) != "settings_broken" || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "auth of a.test") {
			t.Errorf("%s: %v", auth, err)
		}
		b, _ := config.Find("b.test")
		if c, err := b.Credentials(); err != nil || c.Username != "admin" {
			t.Errorf("%s spoils the other: %v", auth, err)
		}
	}
}

// TestAuthRoundTrip brings any account back that login may have stored.
func TestAuthRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Credentials{
			Username: rapid.StringMatching(`[^:\x00-\x1f]{1,20}`).Draw(t, "user"),
			Password: rapid.StringMatching(`[^\x00-\x1f]{0,40}`).Draw(t, "password"),
		}
		text := want.encode()
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 1:
			text = strings.TrimRight(text, "=")
		case 2:
			text = base64.URLEncoding.EncodeToString([]byte(want.Username + ":" + want.Password))
		}
		if got, err := decode(text); err != nil || got != want {
			t.Fatalf("%+v became %+v: %v", want, got, err)
		}
	})
}
