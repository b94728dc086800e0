package config

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]Size{
		"0": 0, "1048576": 1 << 20, "256MiB": 256 << 20, "256 mib": 256 << 20, "1GB": 1e9, "1.5k": 1536, "7B": 7, " 2TiB ": 2 << 40, "10m": 10 << 20,
	} {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "MiB", "-1", "1XB", "0x10", "1_000", "NaN", "inf", "9e30", "9000000TiB", "1 2MiB"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("%q is %d", s, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		// Floating point is exact up to 2^53, far above any archive.
		want := Size(rapid.Int64Range(0, 1<<53).Draw(t, "size"))
		if got, err := ParseSize(want.String()); err != nil || got != want {
			t.Fatalf("%d is written %s and read as %d, %v", want, want, got, err)
		}
	})
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "90d": 90 * 24 * time.Hour, "1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute, "30s": 30 * time.Second,
	} {
		if got, err := ParseDuration(s); err != nil || time.Duration(got) != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "d", "-1h", "-1d", "10", "1.5d", "1d-1h", "99999999d", "1w"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", time.Hour: "1h", time.Minute: "1m", 48 * time.Hour: "2d", 90 * time.Minute: "1h30m", 36 * time.Hour: "36h", 10 * time.Second: "10s"} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v is written %s", d, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := Duration(rapid.Int64Range(0, 1<<60).Draw(t, "span"))
		if got, err := ParseDuration(want.String()); err != nil || got != want {
			t.Fatalf("%d is written %s and read as %d, %v", want, want, got, err)
		}
	})
}

// No name of the table hides another, and each has its words.
func TestKeysAreDistinct(t *testing.T) {
	envs := map[string]string{envPassword: "", envPasswordFile: ""}
	c := defaults()
	for _, k := range keys() {
		if other, ok := envs[k.env()]; ok {
			t.Errorf("%s and %s share %s", k.path, other, k.env())
		}
		envs[k.env()] = k.path
		if k.doc == "" || k.target(c) == nil {
			t.Errorf("%s has no words or place", k.path)
		}
	}
}
