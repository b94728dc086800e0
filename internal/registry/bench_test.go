package registry_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
)

// filler is text that makes an archive of about 100 KB, half of it incompressible
// as real packs with charts inside are.
func filler() string {
	random := make([]byte, 95<<10)
	rand.NewChaCha8([32]byte{2}).Read(random)
	return string(random)
}

// BenchmarkPublish is a new version of a pack of 100 KB, everything included.
func BenchmarkPublish(b *testing.B) {
	for name, form := range map[string]func(string, string, ...packtest.Option) []byte{"zip": packtest.PackZip, "targz": packtest.PackTarGz} {
		b.Run(name, func(b *testing.B) {
			e := embedded(b)
			bodies := make([][]byte, b.N)
			content := filler()
			for i := range bodies {
				bodies[i] = form("web", fmt.Sprintf("1.%d.%d", i/100, i%100), packtest.File("charts/web-1.0.0.tgz", content))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, body := range bodies {
				e.publish(upload(body), db.Created)
			}
		})
	}
}

// BenchmarkPublishSame is an upload of what is there already.
func BenchmarkPublishSame(b *testing.B) {
	e := embedded(b)
	body := packtest.PackZip("web", "1.0.0", packtest.File("charts/web-1.0.0.tgz", filler()))
	e.publish(upload(body), db.Created)
	b.ReportAllocs()
	for b.Loop() {
		e.publish(upload(body), db.Same)
	}
}

func seeded(b *testing.B) *env {
	b.Helper()
	e := embedded(b)
	for i := range 50 {
		e.publish(upload(packtest.PackZip("web", fmt.Sprintf("1.%d.0", i), packtest.File("big.txt", filler()))), db.Created)
	}
	return e
}

func BenchmarkResolve(b *testing.B) {
	e := seeded(b)
	for _, ref := range []string{"1.7.0", "1.x", "latest", string(e.resolve("web", "1.3.0").Digest)} {
		b.Run(ref[:min(len(ref), 6)], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.resolve("web", ref)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	e := seeded(b)
	v := e.resolve("web", "1.7.0")
	for _, f := range []pack.Format{pack.FormatZip, pack.FormatTarGz} {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(v.Size)
			for b.Loop() {
				c, err := e.Archive(b.Context(), v, f)
				if err != nil {
					b.Fatal(err)
				}
				e.drain(c.Open(b.Context(), 0, -1))
			}
		})
	}
	b.Run("file", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := e.File(b.Context(), v, "values.yaml")
			if err != nil {
				b.Fatal(err)
			}
			e.drain(c.Open(b.Context(), 0, -1))
		}
	})
}

// BenchmarkChanges reads a feed of 50 changes from its beginning, and at its end.
func BenchmarkChanges(b *testing.B) {
	e := seeded(b)
	e.run()
	head, err := e.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for name, since := range map[string]string{"all": "", "nothing": head} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := e.Changes(b.Context(), since, ns, 0, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHead is what a poll costs while nothing changes.
func BenchmarkHead(b *testing.B) {
	e := seeded(b)
	for _, name := range []string{"read", "cached"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Head(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
		if name == "read" {
			e.run()
		}
	}
}
