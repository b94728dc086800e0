package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"packregistry/internal/pack"
)

func TestToZip(t *testing.T) {
	for _, c := range hostileCases() {
		if !strings.HasPrefix(c.Name, "tar/") {
			continue
		}
		checkToZip(t, c.Name, c.Bytes, limitsOf(c), c.Rule)
	}
	b := oddZip()
	checkToZip(t, "layer", readLayer(t, NewLayer(filesOf(t, b), "p"), b, 0, -1), DefaultLimits(), "")
}

func checkToZip(t *testing.T, name string, b []byte, lim Limits, rule string) {
	t.Helper()
	var out bytes.Buffer
	entries, err := ToZip(context.Background(), bytes.NewReader(b), int64(len(b)), lim, &out)
	if rule != "" {
		var e *pack.Error
		if !errors.As(err, &e) || len(e.Findings) == 0 || e.Findings[0].Rule != rule {
			t.Errorf("%s: err = %v, want %s", name, err, rule)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	want, _, err := walkAll(b, lim)
	if err != nil {
		t.Fatal(err)
	}
	got, format, err := walkAll(out.Bytes(), lim)
	if err != nil || format != pack.FormatZip {
		t.Errorf("%s: Walk of the zip: %s, %v", name, format, err)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: (-tar +zip):\n%s", name, diff)
	}
	if diff := cmp.Diff(entriesOf(t, out.Bytes()), entries, cmpopts.IgnoreUnexported(Entry{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: places (-Walk +ToZip):\n%s", name, diff)
	}
}

func TestToZipTimesAndModes(t *testing.T) {
	b := oddZip()
	layer := readLayer(t, NewLayer(filesOf(t, b), "p"), b, 0, -1)
	var out bytes.Buffer
	if _, err := ToZip(context.Background(), bytes.NewReader(layer), int64(len(layer)), DefaultLimits(), &out); err != nil {
		t.Fatal(err)
	}
	zr, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range zr.File {
		if f.Modified.Unix() != layerTime {
			t.Errorf("%s: modified %v", f.Name, f.Modified)
		}
		if m := f.Mode().Perm(); m != 0o644 && m != 0o755 {
			t.Errorf("%s: mode %v", f.Name, m)
		}
	}
}

func TestToZipRefusesAZip(t *testing.T) {
	b := oddZip()
	_, err := ToZip(context.Background(), bytes.NewReader(b), int64(len(b)), DefaultLimits(), &bytes.Buffer{})
	if !pack.IsKind(err, pack.KindUnsupported) {
		t.Errorf("err = %v, want KindUnsupported", err)
	}
}

func TestToZipTellsOfAFullDisk(t *testing.T) {
	b := oddZip()
	layer := readLayer(t, NewLayer(filesOf(t, b), "p"), b, 0, -1)
	full := errors.New("no space")
	_, err := ToZip(context.Background(), bytes.NewReader(layer), int64(len(layer)), DefaultLimits(), failingWriter{full})
	if !errors.Is(err, full) {
		t.Errorf("err = %v, want that of the writer", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
