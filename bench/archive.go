package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// archived is an archive with its digest.
type archived struct {
	name, version string
	bytes         []byte
	hex           string // SHA-256
}

func newArchived(name, version string, data []byte) archived {
	sum := sha256.Sum256(data)
	return archived{name, version, data, hex.EncodeToString(sum[:])}
}

// packZip makes a valid pack of about size bytes: text that compresses, and noise that does not, as the charts of real
// packs do not. Another seed gives another noise, so that nothing is in any cache.
func packZip(name, version string, size int, seed uint64) (archived, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	text := []byte("# " + name + "\n\n")
	for i := 0; len(text) < size/4; i++ {
		text = fmt.Appendf(text, "setting%d:\n  replicas: %d\n  image: registry.example.com/%s:%s\n", i, i%7, name, version)
	}
	files := []struct {
		path    string
		content []byte
	}{
		{"pack.json", fmt.Appendf(nil, `{"name":%q,"version":%q,"displayName":"Bench %s","layer":"addon","addonType":"system app","cloudTypes":["all"],"annotations":{"source":"community"},"kubeManifests":["manifests/app.yaml"]}`, name, version, name)},
		{"values.yaml", text},
		{"README.md", fmt.Appendf(nil, "# %s\n\nA pack made by the bench, seed %d.\n", name, seed)},
		{"logo.png", logo()},
		{"manifests/app.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n")},
	}
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.path, Method: zip.Deflate, Modified: first()})
		if err == nil {
			_, err = w.Write(f.content)
		}
		if err != nil {
			return archived{}, err
		}
	}
	if err := z.Flush(); err != nil {
		return archived{}, err
	}
	w, err := z.CreateHeader(&zip.FileHeader{Name: "files/noise.bin", Method: zip.Deflate, Modified: first()})
	if err != nil {
		return archived{}, err
	}
	noise := make([]byte, max(64, size-buf.Len()-900))
	fill(noise, seed)
	if _, err := w.Write(noise); err != nil {
		return archived{}, err
	}
	if err := z.Close(); err != nil {
		return archived{}, err
	}
	return newArchived(name, version, buf.Bytes()), nil
}

// writeBig writes a valid pack of about size bytes to a file, without holding it.
func writeBig(path, name string, size int64) error {
	small, err := packZip(name, "1.0.0", 4000, rand.Uint64())
	if err != nil {
		return err
	}
	r, err := zip.NewReader(bytes.NewReader(small.bytes), int64(len(small.bytes)))
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for _, entry := range r.File {
		if err := z.Copy(entry); err != nil {
			return err
		}
	}
	const chunk = 1 << 20
	noise := make([]byte, chunk)
	for at := int64(0); at < size; at += 16 * chunk {
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("files/noise-%04d.bin", at/chunk), Method: zip.Store, Modified: first()})
		if err != nil {
			return err
		}
		for range min(16, (size-at+chunk-1)/chunk) {
			fill(noise, rand.Uint64())
			if _, err := w.Write(noise); err != nil {
				return err
			}
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}

func fill(b []byte, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i < len(b); i += 8 {
		v := r.Uint64()
		for j := 0; j < 8 && i+j < len(b); j++ {
			b[i+j] = byte(v >> (8 * j))
		}
	}
}

func logo() []byte {
	img := image.NewGray(image.Rect(0, 0, 24, 24))
	for i := range 24 {
		img.SetGray(i, i, color.Gray{Y: 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // it is written to memory
	}
	return b.Bytes()
}

// realPacks makes of each real pack of a folder a new version that nobody has seen: pack.json gets another version
// and all the rest stays as it is, byte for byte. The folder may be missing.
func realPacks(dir string, stamp int64) ([]archived, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.zip"))
	if err != nil {
		return nil, err
	}
	var list []archived
	for _, path := range paths {
		a, err := reversioned(path, stamp)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		list = append(list, a)
	}
	return list, nil
}

func reversioned(path string, stamp int64) (archived, error) {
	r, err := zip.OpenReader(path)
	if err != nil {
		return archived{}, err
	}
	defer r.Close()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	var m map[string]any
	for _, entry := range r.File {
		if entry.Name != "pack.json" {
			if err := z.Copy(entry); err != nil {
				return archived{}, err
			}
			continue
		}
		src, err := entry.Open()
		if err != nil {
			return archived{}, err
		}
		text, err := io.ReadAll(src)
		if err != nil {
			return archived{}, err
		}
		if m, err = decodeObject(text); err != nil {
			return archived{}, err
		}
		m["version"] = fmt.Sprintf("%v-%d", m["version"], stamp)
		if text, err = encodeObject(m); err != nil {
			return archived{}, err
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: entry.Name, Method: zip.Deflate, Modified: time.Unix(stamp%1e9, 0)})
		if err == nil {
			_, err = w.Write(text)
		}
		if err != nil {
			return archived{}, err
		}
	}
	if m == nil {
		return archived{}, fmt.Errorf("pack.json is not at its root")
	}
	if err := z.Close(); err != nil {
		return archived{}, err
	}
	return newArchived(fmt.Sprint(m["name"]), fmt.Sprint(m["version"]), buf.Bytes()), nil
}
