package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
)

// fuzzLimits keep one input of the fuzzer short.
var fuzzLimits = Limits{Unpacked: 8 << 20, Entries: 500}

// fuzzSeeds adds the small hostile cases of a form.
func fuzzSeeds(f *testing.F, prefix string) {
	for _, c := range hostileCases() {
		if strings.HasPrefix(c.Name, prefix) && len(c.Bytes) < 32<<10 {
			f.Add(c.Bytes)
		}
	}
}

// fuzzWalk walks b and checks what must hold of any bytes. ok is false where b
// was refused, rightly, or is of the other form.
func fuzzWalk(t *testing.T, b []byte, form pack.Format) (got seen, ok bool) {
	got, format, err := walkAll(b, fuzzLimits)
	if err != nil {
		var e *pack.Error
		if !errors.As(err, &e) || e.Kind != pack.KindBadPack && e.Kind != pack.KindUnsupported {
			t.Fatalf("err = %v, want a refusal", err)
		}
		if e.Kind == pack.KindBadPack && (len(e.Findings) == 0 || len(e.Findings) > maxFindings) {
			t.Fatalf("%d findings", len(e.Findings))
		}
		return nil, false
	}
	if len(got) > fuzzLimits.Entries {
		t.Fatalf("%d entries", len(got))
	}
	return got, format == form
}

// FuzzZip: what is accepted, archive/zip sees alike, and so does a reader of the layer.
func FuzzZip(f *testing.F) {
	fuzzSeeds(f, "zip/")
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := fuzzWalk(t, b, pack.FormatZip)
		if !ok {
			return
		}
		if diff := cmp.Diff(stdZip(t, b), got); diff != "" {
			t.Fatalf("(-archive/zip +Walk):\n%s", diff)
		}
		files := filesOf(t, b)
		for _, file := range files {
			raw := bytes.NewReader(b[file.Offset : file.Offset+file.Compressed])
			if hashOf(t, FileReader(file, raw)) != got[mark(false, file.Executable, file.Path)] {
				t.Fatalf("FileReader: %s differs", file.Path)
			}
			if len(file.Path) > maxPath-2 || strings.Count(file.Path, "/") > maxDepth-2 {
				return // one folder more is over the limits
			}
		}
		l := NewLayer(files, "p")
		layer := readLayer(t, l, b, 0, -1)
		if int64(len(layer)) != l.Size() {
			t.Fatalf("the layer has %d bytes, Size is %d", len(layer), l.Size())
		}
		below, _, err := walkAll(layer, DefaultLimits())
		if err != nil {
			t.Fatalf("the layer is refused: %v", err)
		}
		if diff := cmp.Diff(underFolder(got, "p"), onlyFiles(below)); diff != "" {
			t.Fatalf("(-zip +layer):\n%s", diff)
		}
	})
}

// FuzzTarGz: what is accepted, archive/tar sees alike, and so does a reader of the zip made of it.
func FuzzTarGz(f *testing.F) {
	fuzzSeeds(f, "tar/")
	f.Fuzz(fuzzTar)
}

// FuzzTar is FuzzTarGz below the checksums of gzip: the bytes are the tar.
func FuzzTar(f *testing.F) {
	for _, c := range hostileCases() {
		if strings.HasPrefix(c.Name, "tar/") && len(c.Bytes) < 32<<10 {
			src := newSource(context.Background(), bytes.NewReader(c.Bytes), int64(len(c.Bytes)))
			tar, err := io.ReadAll(io.LimitReader(&gunzip{src: src, maxMembers: 10}, 64<<10))
			if err == nil && len(tar) > 0 {
				f.Add(tar)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || len(b) > 1<<20 {
			return
		}
		// The checksum of whatever looks like a header is made right, so that the
		// fuzzer gets past it.
		b = bytes.Clone(b)
		for at := 0; at+tarBlock <= len(b); at += tarBlock {
			if bytes.HasPrefix(b[at+257:], []byte("ustar")) {
				fixChecksum(b[at : at+tarBlock])
			}
		}
		fuzzTar(t, appendStoredMember(nil, b))
	})
}

// fixChecksum writes the right checksum into a header block.
func fixChecksum(b []byte) {
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

func fuzzTar(t *testing.T, b []byte) {
	got, ok := fuzzWalk(t, b, pack.FormatTarGz)
	if !ok {
		return
	}
	if diff := cmp.Diff(stdTar(t, b), got); diff != "" {
		t.Fatalf("(-archive/tar +Walk):\n%s", diff)
	}
	var out bytes.Buffer
	if _, err := ToZip(context.Background(), bytes.NewReader(b), int64(len(b)), fuzzLimits, &out); err != nil {
		t.Fatalf("ToZip: %v", err)
	}
	zipped, _, err := walkAll(out.Bytes(), fuzzLimits)
	if err != nil {
		t.Fatalf("the zip is refused: %v", err)
	}
	if diff := cmp.Diff(got, zipped); diff != "" {
		t.Fatalf("(-tar +zip):\n%s", diff)
	}
}
