package chart

import (
	"context"
	"strings"
	"testing"

	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

func TestChoose(t *testing.T) {
	all := []string{"1.0.0", "2.1.0", "nonsense", "3.0.0-rc.1", "v2.0.0", "1.10.0", "1.2.0+build"}
	for want, chosen := range map[string]string{
		"": "2.1.0", "1.0.0": "1.0.0", "v1.0.0": "1.0.0", "2.0.0": "v2.0.0", "^1": "1.10.0", "<2": "1.10.0",
		"1.2.0+build": "1.2.0+build", "3.0.0-rc.1": "3.0.0-rc.1", "nonsense": "nonsense", ">=3.0.0-0": "3.0.0-rc.1",
	} {
		if n, err := choose(all, want, "x"); err != nil || all[n] != chosen {
			t.Errorf("%q: %d %v, want %s", want, n, err, chosen)
		}
	}
	for _, want := range []string{"4.0.0", "^5", "other words"} {
		if n, err := choose(all, want, "x"); !pack.IsKind(err, pack.KindNotFound) {
			t.Errorf("%q: %d %v", want, n, err)
		}
	}
	if n, err := choose([]string{"1.0.0-a", "1.0.0-b"}, "", "x"); err != nil || n != 1 {
		t.Errorf("only pre-releases: %d %v", n, err)
	}
	if _, err := choose(nil, "", "x"); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("none at all: %v", err)
	}
}

func TestIsVersion(t *testing.T) {
	for text, want := range map[string]bool{
		"1.2.3": true, "v1.2.3": true, "1.2.3-rc.1+b": true, "1.2": false, "": false, "vv1.2.3": false, "01.2.3": false, "../1.2.3": false,
	} {
		if IsVersion(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}

// All that is held of a chart and its subcharts together has a bound.
func TestReadHasABudget(t *testing.T) {
	files := map[string]string{"Chart.yaml": "name: app\nversion: 1.0.0\n", "values.yaml": "a: " + strings.Repeat("x", 500) + "\n"}
	files["charts/sub.tgz"] = string(packtest.TarGz(files, "sub"))
	packed := string(packtest.TarGz(files, "app"))
	for budget, ok := range map[int64]bool{5_000: true, 1_000: false, 100: false} {
		left := budget
		_, err := read(context.Background(), strings.NewReader(packed), int64(len(packed)), &left, 0)
		if (err == nil) != ok || left < 0 || (err != nil && !strings.Contains(err.Error(), "hold more than")) {
			t.Errorf("%d bytes: %d left, %v", budget, left, err)
		}
	}
}
