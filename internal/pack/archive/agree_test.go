package archive

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/pack"
)

// pyRead reads every archive of a folder and prints what it sees as JSON.
const pyRead = `
import hashlib, json, os, sys, tarfile, zipfile
out = {}
def sha(b): return "sha256:" + hashlib.sha256(b).hexdigest()
for name in sorted(os.listdir(sys.argv[1])):
    got = {}
    path = os.path.join(sys.argv[1], name)
    if name.endswith(".zip"):
        with zipfile.ZipFile(path) as z:
            for i in z.infolist(): got[i.filename] = "dir" if i.is_dir() else sha(z.read(i))
    else:
        with tarfile.open(path, "r:gz") as t:
            for m in t: got[m.name] = "dir" if m.isdir() else sha(t.extractfile(m).read())
    out[name] = got
json.dump(out, sys.stdout)
`

// Two independent readers see the same files in what is accepted: archive/zip or
// archive/tar, and Python's zipfile or tarfile.
func TestReadersAgree(t *testing.T) {
	dir := t.TempDir()
	want := map[string]map[string]string{}
	for i, c := range hostileCases() {
		if c.Rule != "" {
			continue
		}
		got, format, err := walkAll(c.Bytes, DefaultLimits())
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		std := stdZip
		if format == pack.FormatTarGz {
			std = stdTar
		}
		if diff := cmp.Diff(std(t, c.Bytes), got); diff != "" {
			t.Errorf("%s: (-standard library +Walk):\n%s", c.Name, diff)
		}
		// Python takes names without the UTF-8 flag for code page 437.
		if strings.Contains(c.Name, "UTF-8 without flag") || strings.Contains(c.Name, "Unicode path repeats") {
			continue
		}
		name := strconv.Itoa(i) + "." + string(format)
		if err := os.WriteFile(filepath.Join(dir, name), c.Bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		want[name] = map[string]string{}
		for k, v := range got {
			if k[0] == 'd' {
				v = "dir"
			}
			want[name][k[2:]] = v
		}
	}
	raw := tool(t, dir, "python3", "-c", pyRead, dir)
	var saw map[string]map[string]string
	if err := json.Unmarshal(raw, &saw); err != nil {
		t.Fatal(err)
	}
	for name, files := range saw {
		plain := map[string]string{}
		for p, v := range files {
			if p = strings.TrimSuffix(strings.TrimPrefix(p, "./"), "/"); p != "" && p != "." {
				plain[p] = v
			}
		}
		if diff := cmp.Diff(want[name], plain); diff != "" {
			t.Errorf("%s: (-Walk +Python):\n%s", name, diff)
		}
	}
	if len(saw) != len(want) {
		t.Errorf("Python read %d archives of %d", len(saw), len(want))
	}
}

func TestDetect(t *testing.T) {
	for _, c := range hostileCases() {
		format, ok := Detect(bytes.NewReader(c.Bytes), int64(len(c.Bytes)))
		form, _, _ := strings.Cut(c.Name, "/")
		switch {
		case c.Rule == "" && form == "zip" && (!ok || format != pack.FormatZip),
			c.Rule == "" && form == "tar" && (!ok || format != pack.FormatTarGz),
			form == "neither" && ok && format == pack.FormatZip:
			t.Errorf("%s: Detect = %q, %v", c.Name, format, ok)
		}
	}
}
