package chart_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func images(t *testing.T, values string) []string {
	t.Helper()
	return mustRead(t, tgz(map[string]string{"Chart.yaml": head, "values.yaml": values})).Images()
}

func TestImages(t *testing.T) {
	const sum = "sha256:2c587a649b1b9b61d09e1e42901da5f34b2ab187247acb23086de3fad504a49c"
	for values, want := range map[string][]string{
		"image: {repository: quay.io/a/b, tag: v1}":                                   {"quay.io/a/b:v1"},
		"image: {repository: a/b, tag: \"\"}":                                         {"a/b:1.10"}, // appVersion
		"image: {repository: a/b}":                                                    {"a/b:1.10"},
		"image: {registry: docker.io, repository: a/b, tag: 1.20}":                    {"docker.io/a/b:1.20"}, // no number
		"image: {registry: docker.io, repository: docker.io/a/b, tag: x}":             {"docker.io/a/b:x"},
		"image: {repository: a/b, tag: v1, digest: \"" + sum + "\"}":                  {"a/b:v1@" + sum},
		"image: {repository: a/b, digest: \"" + sum + "\"}":                           {"a/b@" + sum},
		"image: {repository: a/b, tag: v1, sha: " + sum[7:] + "}":                     {"a/b:v1@" + sum},
		"image: {repository: quay.io/x, name: y, tag: z}":                             {"quay.io/x/y:z"},
		"image: {repo: ghcr.io/coder/coder, tag: \"\"}":                               {"ghcr.io/coder/coder:1.10"},
		"a: {repository: x/y, imageTag: v2}":                                          {"x/y:v2"},
		"a: {repository: x/y, pullPolicy: Always}":                                    {"x/y:1.10"},
		"image: nginx:1.29":                                                           {"nginx:1.29"},
		"image: oliver006/redis_exporter\ntag: v1":                                    {"oliver006/redis_exporter:v1"},
		"image: a/b\nimageTag: v1":                                                    {"a/b:v1"},
		"registry: r.example:5000\nimage: a/b":                                        {"r.example:5000/a/b"},
		"tridentImage: netapp/trident\ntridentImageTag: \"26.02\"":                    {"netapp/trident:26.02"},
		"global: {imageK8S: \"hashicorp/consul-k8s:1.3.0\", imagePullPolicy: Always}": {"hashicorp/consul-k8s:1.3.0"},
		"images: [a/b:1, {image: c/d:2}, x]":                                          {"a/b:1", "c/d:2"},
		"builderImages: {default: q.io/w/b:u22, other: q.io/w/b:u24}":                 {"q.io/w/b:u22", "q.io/w/b:u24"},
		"list:\n- deep:\n  - sidecarImage: k8s.gcr.io/a@" + sum:                       {"k8s.gcr.io/a@" + sum},
		"base: &b {repository: a/b, tag: v1}\nimage:\n  <<: *b\n  tag: v2":            {"a/b:v1", "a/b:v2"},
		"x: &i a/b:1\nimage: *i":                                                      {"a/b:1"},
		"image: a/b:1\nother: {image: a/b:1}":                                         {"a/b:1"},
		"image: '{{ .x }}/a:b'":                                                       nil,
		"image: nginx":                                                                nil, // more likely something else
		"image: https://example.com/logo.png":                                         nil,
		"image: true\nimagePullSecrets: [a/b:c]\nimagePullPolicy: IfNotPresent":       nil,
		"git: {repository: \"https://github.com/a/b\", tag: v1}":                      nil,
		"chart: {repository: a/b}":                                                    nil,
		"image: UPPER/case:1":                                                         nil,
		"image: a/b:" + strings.Repeat("1", 200):                                      nil,
		"":                                                                            nil,
		"# image: a/b:1\n":                                                            nil,
	} {
		if diff := cmp.Diff(append([]string{}, want...), append([]string{}, images(t, values)...)); diff != "" {
			t.Errorf("%s: %s", values, diff)
		}
	}
}

func TestImagesOfSubcharts(t *testing.T) {
	sub := func(name, values string) map[string]string {
		return map[string]string{"Chart.yaml": "name: " + name + "\nversion: 1.0.0\nappVersion: v9\n", "values.yaml": values}
	}
	put := func(files map[string]string, at string, more map[string]string) {
		for name, content := range more {
			files[at+name] = content
		}
	}
	files := map[string]string{
		"Chart.yaml": head,
		"requirements.yaml": "dependencies:\n- {name: off, condition: \"nothing, off.enabled\"}\n- {name: on, condition: on.enabled}\n" +
			"- {name: twice, alias: first}\n- {name: twice, alias: second, condition: second.enabled}\n",
		"values.yaml": "image: {repository: own/app}\noff: {enabled: false}\non: {enabled: true, image: {tag: over}}\nfirst: {image: a/first:1}\nsecond: {enabled: false}\n",
	}
	put(files, "charts/off/", sub("off", "image: {repository: sub/off}\n"))
	put(files, "charts/on/", sub("on", "image: {repository: sub/on, tag: under}\nother: {repository: sub/other, tag: \"\"}\n"))
	put(files, "charts/twice/", sub("twice", "image: b/twice:1\n"))
	inner := sub("packed", "image: c/packed:1\n")
	put(inner, "charts/innermost/", sub("innermost", "image: d/innermost:1\n"))
	files["charts/packed-1.0.0.tgz"] = string(tgz(inner))
	want := []string{"a/first:1", "c/packed:1", "d/innermost:1", "own/app:1.10", "sub/on:over", "sub/other:v9"}
	c := mustRead(t, tgz(files))
	if diff := cmp.Diff(want, c.Images()); diff != "" {
		t.Error(diff)
	}
	if len(c.Missing()) > 0 {
		t.Errorf("missing %v", c.Missing())
	}
}

// Merges that double with each step, and trees that hold themselves, are refused before anybody walks them.
func TestBombsOfImages(t *testing.T) {
	var b strings.Builder
	b.WriteString("n0: &n0 {image: x/y:1}\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&b, "n%d: &n%d {<<: *n%d, a: {<<: *n%d}}\n", i, i, i-1, i-1)
	}
	for _, values := range []string{b.String(), "a: &a {image: x/y:1, b: *a}\n"} {
		if c, err := read(t, tgz(map[string]string{"Chart.yaml": head, "values.yaml": values})); err == nil {
			t.Errorf("%d images", len(c.Images()))
		}
	}
	// What stays below the bounds comes to an end too.
	small := strings.Join(strings.SplitAfter(b.String(), "\n")[:8], "")
	if got := images(t, small); len(got) != 1 {
		t.Errorf("%v", got)
	}
}
