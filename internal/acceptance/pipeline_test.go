package acceptance

import (
	"archive/zip"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/dirhash"

	"packregistry/internal/pack/packtest"
)

// pipeline pushes every directory of packs as the community repository's CI does: it writes config.json by hand, takes the message
// from pack.json, forces, and stops at the first failure (palette-contract 2.5, 2.6).
const pipeline = `set -eu
mkdir -p "$HOME/.spectro"
auth=$(printf 'admin:%s' "$PASSWORD" | base64)
cat > "$HOME/.spectro/config.json" <<EOF
{ "auths": { "$SERVER": { "auth": "$auth", "insecure": true } }, "defaultRegistry": "$SERVER" }
EOF
for dir in "$PACKS"/*/; do
  message=$(sed -n 's/.*"commit_msg" *: *"\([^"]*\)".*/\1/p' "$dir/pack.json" | head -n 1)
  spectro pack push -m "${message:-pushed by the pipeline}" --registry-server "$SERVER" --force "$dir"
done
`

// change is one entry of the feed, as far as the pipeline cares.
type change struct{ Type, Name, Version, ContentDigest string }

// contentOf is the content digest of a directory, without what a desktop left in one of the real packs.
func contentOf(t *testing.T, dir string) string {
	t.Helper()
	files, err := dirhash.DirFiles(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(name string) bool { return filepath.Base(name) == ".DS_Store" })
	sum, err := dirhash.Hash1(files, func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join(dir, name)) })
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// A pipeline that force-pushes all real packs on each run goes through, and its second run changes nothing.
func TestPipeline(t *testing.T) {
	zips := packtest.RealPacks(t)
	bin, packs := t.TempDir(), t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(bin, "spectro"), "packregistry/cmd/spectro")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	want := map[string]bool{} // content digests
	for i, name := range zips {
		// Directories are named by whoever made them.
		dir := filepath.Join(packs, "Pack No. "+strconv.Itoa(i))
		z, err := zip.OpenReader(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.CopyFS(dir, z), z.Close()); err != nil {
			t.Fatal(err)
		}
		want[contentOf(t, dir)] = true
	}

	s := start(t, backend{dir: t.TempDir()})
	home := t.TempDir()
	run := func() {
		t.Helper()
		begun := time.Now()
		sh := exec.Command("sh", "-c", pipeline)
		sh.Env = []string{"HOME=" + home, "PATH=" + bin + ":" + os.Getenv("PATH"), "PASSWORD=" + password, "SERVER=" + strings.TrimPrefix(s.url, "http://"), "PACKS=" + packs}
		out, err := sh.CombinedOutput()
		if err != nil {
			t.Fatalf("the pipeline failed: %v\n%s", err, out)
		}
		t.Logf("%d packs pushed in %v", len(zips), time.Since(begun).Round(time.Millisecond))
	}
	since := func(cursor string) ([]change, string) {
		t.Helper()
		var all []change
		for {
			var page struct {
				Changes []change
				Cursor  string
			}
			s.get("/api/v1/sync/changes?limit=1000&since="+url.QueryEscape(cursor), &page)
			if len(page.Changes) == 0 {
				return all, page.Cursor
			}
			all, cursor = append(all, page.Changes...), page.Cursor
		}
	}

	run()
	changes, cursor := since("")
	if len(changes) != len(zips) {
		t.Errorf("%d changes after pushing %d packs", len(changes), len(zips))
	}
	for _, c := range changes {
		if c.Type != "version.pushed" || !want[c.ContentDigest] {
			t.Errorf("%+v: not what was unpacked", c)
		}
	}
	run()
	if changes, again := since(cursor); len(changes) > 0 || again != cursor {
		t.Errorf("the second run made %d changes: %+v", len(changes), changes)
	}
}
