package acceptance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// killed runs an admin verb and kills it when the time has come, if it has not ended by then.
func killed(t *testing.T, b backend, now func() bool, args ...string) {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, append([]string{"admin"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(cleanEnv(), "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="+b.dir), b.env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // killed or not
	for !now() {
		select {
		case <-ended:
			return
		case <-time.After(time.Millisecond):
		}
	}
	_ = cmd.Process.Kill()
	<-ended
}

// moment is one to kill at: after some time, or in every other round when a folder has some new blobs.
func moment(t *testing.T, round int, within time.Duration, root string, blobs int) func() bool {
	end, want := time.Now().Add(rand.N(within)), blobsIn(t, root)+1+rand.IntN(blobs-1)
	return func() bool {
		if round%2 == 0 {
			return time.Now().After(end)
		}
		return blobsIn(t, root) >= want
	}
}

func blobsIn(t *testing.T, root string) int {
	t.Helper()
	blobs, err := filepath.Glob(filepath.Join(root, "blobs/sha256/*/*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(blobs)
}

// TestKilledBackupAndRestore kills both at any moment: the backups before it stay whole, and the next try succeeds.
func TestKilledBackupAndRestore(t *testing.T) {
	b := backend{name: "embedded", dir: t.TempDir()}
	b.env = []string{"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=" + b.dir}
	dir := filepath.Join(t.TempDir(), "backups")
	s := start(t, b)
	pushed := 0
	push := func(many int) {
		t.Helper()
		for range many {
			pushed++
			a := made(t, fmt.Sprintf("p-%d", pushed), "1.0.0", strings.Repeat(fmt.Sprint(pushed), 20_000))
			if status, body, err := s.do(t.Context(), http.MethodPost, "/api/v1/packs", bytes.NewReader(a.data)); err != nil || status != http.StatusCreated {
				t.Fatalf("%d %s %v", status, body, err)
			}
		}
	}
	push(30)
	begun := time.Now()
	last := adminJSON(t, b, "backup", dir)
	took := time.Since(begun)
	rounds, half := 6, 0
	for round := range rounds {
		push(10)
		killed(t, b, moment(t, round, took, dir, 10), "backup", dir, "--keep", "2")
		fresh := another(t, b)
		r := adminJSON(t, fresh, "restore", dir, "--dry-run", "--backup", last.Name) // the one before is whole
		newest := adminJSON(t, fresh, "restore", dir, "--dry-run")
		if r.Name != last.Name || newest.Seq != last.Seq && newest.Seq != pushed {
			t.Fatalf("newest %+v, before the kill %+v", newest, last)
		}
		last = adminJSON(t, b, "backup", dir, "--keep", "2")
		if last.Blobs != pushed || last.Seq != pushed {
			t.Errorf("after a kill: %+v, want %d", last, pushed)
		}
		if last.Copied > 0 && last.Copied < 10 {
			half++
		}
		if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
			t.Errorf("left in tmp: %v %v", left, err)
		}
	}
	t.Logf("%d of %d backups were killed between two blobs", half, rounds)

	begun = time.Now()
	adminJSON(t, another(t, b), "restore", dir)
	took = time.Since(begun)
	half = 0
	for round := range rounds {
		to := another(t, b)
		killed(t, to, moment(t, round, took, to.dir, pushed), "restore", dir)
		if n := blobsIn(t, to.dir); n > 0 && n < pushed {
			half++
		}
		bin, err := program()
		if err != nil {
			t.Fatal(err)
		}
		again := exec.Command(bin, "admin", "restore", dir)
		again.Env = append(cleanEnv(), to.env...)
		// Killed after its commit it is restored.
		if out, err := again.CombinedOutput(); err != nil && !strings.Contains(string(out), "is not empty") {
			t.Fatalf("%v\n%s", err, out)
		}
		checkVerify(t, to)
		if got := adminJSON(t, to, "backup", filepath.Join(t.TempDir(), "b")); got.Catalogue != last.Catalogue || got.Blobs != pushed {
			t.Errorf("%+v is not %+v", got, last)
		}
	}
	t.Logf("%d of %d restores were killed between two blobs", half, rounds)
}
