package check_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"packregistry/internal/pack/packtest"
)

// BenchmarkInspect measures the check of a pack of about 100 KB: values of 1,500
// lines, a chart that does not compress, a README.
func BenchmarkInspect(b *testing.B) {
	var values strings.Builder
	values.WriteString("pack:\n  namespace: a\ncharts:\n")
	for i := range 500 {
		fmt.Fprintf(&values, "  key%d:\n    # what it means\n    value: \"text %d\"\n", i, i)
	}
	chart := make([]byte, 80_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range chart {
		chart[i] = byte(r.Uint32())
	}
	archive := packtest.PackZip("a", "1.0", packtest.File("values.yaml", values.String()),
		packtest.With("charts", []string{"charts/a-1.0.tgz"}), packtest.File("charts/a-1.0.tgz", string(chart)),
		packtest.File("README.md", strings.Repeat("Words about the pack.\n", 200)))
	benchmark(b, archive)
}

// BenchmarkInspectReal measures the real packs one after the other.
func BenchmarkInspectReal(b *testing.B) {
	for _, path := range packtest.RealPacks(b) {
		switch filepath.Base(path) {
		case "argo-cd-3.26.7.zip", "consul-1.3.0.zip", "hello-universe-1.3.1.zip":
			archive, err := os.ReadFile(path)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(filepath.Base(path), func(b *testing.B) { benchmark(b, archive) })
		}
	}
}

func benchmark(b *testing.B, archive []byte) {
	c := checker(b)
	b.SetBytes(int64(len(archive)))
	b.ReportAllocs()
	for b.Loop() {
		report, err := c.Inspect(context.Background(), bytes.NewReader(archive), int64(len(archive)))
		if err != nil || !report.Valid() {
			b.Fatal(err)
		}
	}
}
