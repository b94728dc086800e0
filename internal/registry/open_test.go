package registry_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/registry"
	"packregistry/internal/storage"
)

// holdsFiles compares the files of a version, listed and read one by one, with
// what went in.
func (e *env) holdsFiles(v *pack.Version, want map[string]string) {
	e.t.Helper()
	listed, err := e.Files(e.t.Context(), v)
	if err != nil {
		e.t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range listed {
		c, err := e.File(e.t.Context(), v, f.Path)
		if err != nil {
			e.t.Fatalf("%s: %v", f.Path, err)
		}
		got[f.Path] = string(e.content(c))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		e.t.Errorf("files:\n%s", diff)
	}
	if !slices.IsSortedFunc(listed, func(a, b pack.File) int { return strings.Compare(a.Path, b.Path) }) {
		e.t.Error("files are not in byte order")
	}
}

func TestTarGzFormOfAZip(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		files := packtest.Pack("web", "1.0.0", packtest.File("charts/big.txt", strings.Repeat("many words ", 10_000)), packtest.File("empty", ""))
		v := e.publish(upload(packtest.Zip(files)), db.Created)
		c, err := e.Archive(t.Context(), v, pack.FormatTarGz)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "web-1.0.0.tar.gz" || c.MediaType != "application/gzip" {
			t.Errorf("content: %+v", c)
		}
		whole := e.content(c)
		if diff := cmp.Diff(packtest.In("web-1.0.0", files), untar(t, whole)); diff != "" {
			t.Errorf("unpacked:\n%s", diff)
		}
		e.ranges(c, whole)
		// The form is a pack with the same content, found by its own digest.
		e.publish(upload(whole), db.Same)
		if got := e.resolve("web", string(v.TarGzDigest)); got.Digest != v.Digest {
			t.Error("the tar.gz digest finds another version")
		}
		zip, err := e.Archive(t.Context(), v, pack.FormatZip)
		if err != nil {
			t.Fatal(err)
		}
		e.ranges(zip, e.content(zip))
		_, err = e.Archive(t.Context(), v, "rar")
		wantKind(t, err, pack.KindInvalid, "format_invalid")
	})
}

// ranges reads parts at random places and holds them against the whole.
func (e *env) ranges(c *registry.Content, whole []byte) {
	e.t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	size := int64(len(whole))
	cases := [][2]int64{{0, 0}, {0, 1}, {size - 1, 1}, {size, 0}, {size, -1}, {0, size}, {0, size + 10}, {1, 1 << 62}}
	for range 20 {
		cases = append(cases, [2]int64{random.Int64N(size), random.Int64N(size)})
	}
	for _, r := range cases {
		want := whole[r[0]:]
		if r[1] >= 0 && r[1] < int64(len(want)) {
			want = want[:r[1]]
		}
		if got := e.slice(c, r[0], r[1]); !bytes.Equal(got, want) {
			e.t.Errorf("%s: %d bytes from %d are not what the whole has there", c.Name, r[1], r[0])
		}
	}
	_, err := c.Open(e.t.Context(), size+1, -1)
	wantKind(e.t, err, pack.KindInvalid, "")
}

func TestFilesAreReadAlone(t *testing.T) {
	both(t, func(t *testing.T, open func(testing.TB, ...change) *env) {
		e := open(t)
		files := packtest.Pack("web", "1.0.0", packtest.File("charts/big.txt", strings.Repeat("many words ", 10_000)), packtest.File("empty", ""))
		body := packtest.Zip(packtest.In("top", files))
		v := e.publish(upload(body), db.Created)
		e.holdsFiles(v, files)
		c, err := e.File(t.Context(), v, "charts/big.txt")
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "big.txt" || c.MediaType != "" {
			t.Errorf("content: %+v", c)
		}
		e.ranges(c, []byte(files["charts/big.txt"]))
		for _, name := range []string{"nothing", "", "top/values.yaml", "charts", "../values.yaml"} {
			_, err = e.File(t.Context(), v, name)
			wantKind(t, err, pack.KindNotFound, "file_not_found")
		}
	})
}

func TestAnyFileOfAPackByItsSHA256(t *testing.T) {
	e := embedded(t)
	logo := packtest.Logo(20, 20)
	e.publish(upload(packtest.PackZip("web", "1.0.0", packtest.File("logo.png", logo))), db.Created)
	e.publish(upload(packtest.PackZip("web", "1.1.0")), db.Created)
	sum := sha256.Sum256([]byte(logo))
	c, err := e.FileBySHA256(t.Context(), ns, "web", hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "logo.png" || string(e.content(c)) != logo {
		t.Errorf("content %+v", c)
	}
	_, err = e.FileBySHA256(t.Context(), ns, "web", strings.Repeat("0", 64))
	wantKind(t, err, pack.KindNotFound, "")
	_, err = e.FileBySHA256(t.Context(), ns, "web", "zz")
	wantKind(t, err, pack.KindInvalid, "")
	_, err = e.FileBySHA256(t.Context(), ns, "other", hex.EncodeToString(sum[:]))
	wantKind(t, err, pack.KindNotFound, "")
}

func TestALostBlobIsNotCalledNotFound(t *testing.T) {
	e := embedded(t)
	v := e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	if err := e.store.Delete(t.Context(), v.Digest); err != nil {
		t.Fatal(err)
	}
	c, err := e.Archive(t.Context(), v, pack.FormatZip)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Open(t.Context(), 0, -1)
	wantKind(t, err, pack.KindCorrupt, "")
	if err := e.DeletePack(t.Context(), ns, "web", "tester"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Open(t.Context(), 0, -1)
	wantKind(t, err, pack.KindNotFound, "")
}

func TestResolveRefusesWhatIsNoReference(t *testing.T) {
	e := embedded(t)
	e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	for _, ref := range []string{"", "sha256:abc", "a/b", "..", strings.Repeat("a", 200)} {
		_, err := e.Resolve(t.Context(), ns, "web", ref)
		wantKind(t, err, pack.KindInvalid, "")
	}
	_, err := e.Resolve(t.Context(), ns, "Web!", "latest")
	wantKind(t, err, pack.KindInvalid, "")
	_, err = e.Resolve(t.Context(), "not//good", "web", "latest")
	wantKind(t, err, pack.KindInvalid, "")
	_, err = e.Resolve(t.Context(), pack.AllNamespaces, "web", "latest")
	wantKind(t, err, pack.KindInvalid, "")
}

func untar(t *testing.T, b []byte) map[string]string {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[h.Name] = string(content)
		}
	}
}

// A place that a blob should have is no mistake of who asks for it.
func TestABlobThatWasCutIsCorrupt(t *testing.T) {
	e := embedded(t)
	v := e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	name := filepath.Join(filepath.Dir(e.cfg.SpoolDir), storage.Key(v.Digest))
	if err := errors.Join(os.Chmod(name, 0o600), os.Truncate(name, 10)); err != nil {
		t.Fatal(err)
	}
	c, err := e.Archive(t.Context(), v, pack.FormatZip)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Open(t.Context(), c.Size-1, 1)
	wantKind(t, err, pack.KindCorrupt, "")
	_, err = c.Open(t.Context(), c.Size+1, 1)
	wantKind(t, err, pack.KindInvalid, "range_invalid")
}

// What is served has the digest that it is served under, in the form that is made on the way too.
func TestADamagedBlobIsNoTarGz(t *testing.T) {
	e := embedded(t)
	v := e.publish(upload(packtest.PackZip("web", "1.0.0")), db.Created)
	name := filepath.Join(filepath.Dir(e.cfg.SpoolDir), storage.Key(v.Digest))
	files, err := e.Files(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[files[0].Offset+files[0].Compressed/2] ^= 1
	if err := errors.Join(os.Chmod(name, 0o600), os.WriteFile(name, b, 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := e.Archive(t.Context(), v, pack.FormatTarGz)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.Open(t.Context(), 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	n, err := io.Copy(io.Discard, stream)
	wantKind(t, err, pack.KindCorrupt, "")
	if n >= c.Size {
		t.Error("all of it was given")
	}
}
