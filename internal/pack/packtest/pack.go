package packtest

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
)

// Option changes the pack that Pack makes.
type Option func(manifest map[string]any, files map[string]string)

// With sets a key of pack.json; nil removes it.
func With(key string, value any) Option {
	return func(m map[string]any, _ map[string]string) {
		if value == nil {
			delete(m, key)
			return
		}
		m[key] = value
	}
}

// Annotation sets one annotation.
func Annotation(key, value string) Option {
	return func(m map[string]any, _ map[string]string) {
		a, ok := m["annotations"].(map[string]any)
		if !ok {
			a = map[string]any{}
			m["annotations"] = a
		}
		a[key] = value
	}
}

// File adds or replaces a file.
func File(path, content string) Option {
	return func(_ map[string]any, files map[string]string) { files[path] = content }
}

// Without leaves out a file, pack.json too.
func Without(path string) Option {
	return func(m map[string]any, files map[string]string) {
		delete(files, path)
		if path == "pack.json" {
			clear(m)
		}
	}
}

// Pack makes the files of a small pack that has nothing to complain of: an addon with
// one manifest, values, a README and a logo. Options apply in order.
func Pack(name, version string, opts ...Option) map[string]string {
	manifest := map[string]any{
		"name":          name,
		"version":       version,
		"displayName":   "Test " + name,
		"layer":         "addon",
		"addonType":     "system app",
		"cloudTypes":    []string{"all"},
		"annotations":   map[string]any{"source": "community"},
		"kubeManifests": []string{"manifests/app.yaml"},
	}
	files := map[string]string{
		"values.yaml":        "pack:\n  namespace: \"" + name + "\"\nmanifests:\n  app:\n    replicas: 1\n",
		"README.md":          "# " + name + "\n\nA small pack made by a test.\n",
		"logo.png":           Logo(16, 16),
		"manifests/app.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n  replicas: \"{{ .Values.replicas }}\"\n",
	}
	for _, o := range opts {
		o(manifest, files)
	}
	if _, own := files["pack.json"]; !own && len(manifest) > 0 {
		files["pack.json"] = string(must(json.MarshalIndent(manifest, "", "  "))) + "\n"
	}
	return files
}

// PackZip is Zip(Pack(...)).
func PackZip(name, version string, opts ...Option) []byte { return Zip(Pack(name, version, opts...)) }

// PackTarGz is Pack as a tar.gz with one top folder, as authors push it with oras.
func PackTarGz(name, version string, opts ...Option) []byte {
	return TarGz(Pack(name, version, opts...), name+"-"+version)
}

// Logo makes a PNG of the given size in pixels.
func Logo(width, height int) string {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.NRGBA{R: uint8(x * 255 / width), G: uint8(y * 255 / height), B: 160, A: 255})
		}
	}
	var buf bytes.Buffer
	check(png.Encode(&buf, img))
	return buf.String()
}
