package auth

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"pgregory.net/rapid"
)

func TestHashPassword(t *testing.T) {
	for what, password := range map[string]string{
		"empty": "", "73 bytes": strings.Repeat("x", 73), "line break": "a\nb", "NUL": "a\x00b",
	} {
		if _, err := HashPassword(password, MinCost); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	if _, err := HashPassword("x", MaxCost+1); err == nil {
		t.Error("a cost without end was taken")
	}
	long := strings.Repeat("x", 72)
	h, err := HashPassword(long, MinCost)
	if err != nil {
		t.Fatal(err)
	}
	// At login bytes beyond the 72nd are not looked at, as with htpasswd.
	if !compare(h, long) || !compare(h, long+"y") || compare(h, long[1:]) {
		t.Error("comparison differs from htpasswd's")
	}
}

// The three prefixes are one algorithm; what is made for unknown users must be a real comparison.
func TestPrefixesAndBurn(t *testing.T) {
	h, err := HashPassword("pw", MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"$2a$", "$2b$", "$2y$"} {
		line := p + h[4:]
		if c, err := hashCost(line); err != nil || c != MinCost {
			t.Errorf("%s: cost %d, %v", p, c, err)
		}
		if !compare(line, "pw") || compare(line, "pW") {
			t.Errorf("%s does not compare", p)
		}
	}
	const dummy = "$2a$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
	if err := bcrypt.CompareHashAndPassword([]byte(dummy), []byte("pw")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		t.Errorf("the dummy hash is not worked on: %v", err)
	}
}

func TestNewPassword(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		p := NewPassword()
		if len(p) != 20 || strings.Trim(p, alphabet) != "" || seen[p] {
			t.Fatalf("odd password %q", p)
		}
		seen[p] = true
	}
}

func TestValidName(t *testing.T) {
	for _, ok := range []string{"admin", "ci-bot", "a.b@example.com", "jürgen"} {
		if err := ValidName(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "a:b", "a b", "a\n", "\x7f", strings.Repeat("x", 129), "\xff"} {
		if ValidName(bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestRoles(t *testing.T) {
	for _, r := range []Role{Reader, Publisher, Admin} {
		if got, err := ParseRole(r.String()); err != nil || got != r {
			t.Errorf("%v: %v, %v", r, got, err)
		}
	}
	for _, s := range []string{"", "none", "Admin", "root"} {
		if _, err := ParseRole(s); err == nil {
			t.Errorf("%q is a role", s)
		}
	}
}

// The tables never grow beyond their size, and keys are apart.
func TestTablesAreBounded(t *testing.T) {
	c := newCredentialCache(8)
	if c.key("ab", "c") == c.key("a", "bc") {
		t.Error("two pairs, one key")
	}
	if c.key("a", "b") == newCredentialCache(8).key("a", "b") {
		t.Error("the key is the same in every process")
	}
	rapid.Check(t, func(t *rapid.T) {
		f := newFailures(8)
		clk := newClock()
		for _, u := range rapid.SliceOfN(rapid.IntRange(0, 30), 0, 200).Draw(t, "users") {
			k := c.key(string(rune('a'+u)), "pw")
			c.remember(k, verified{hash: "h", role: Reader})
			if !c.holds(k, verified{hash: "h", role: Reader}) {
				t.Fatal("not remembered")
			}
			if c.holds(k, verified{hash: "h", role: Admin}) || c.holds(k, verified{hash: "h", role: Reader}) {
				t.Fatal("remembered for another line")
			}
			c.remember(k, verified{hash: "h", role: Reader})
			f.failed(pair(string(rune('a'+u)), "1"), clk.Now())
			if len(c.items) > 8 || len(c.items) != c.order.Len() || len(f.items) > 8 || len(f.items) != f.order.Len() {
				t.Fatalf("tables of %d and %d", len(c.items), len(f.items))
			}
		}
	})
}
