package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"packregistry/internal/db"
)

// The head is told from memory, and never an old one: not after a commit of this process,
// not after one of another.
func TestHeadFromMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	d, other := open(t, path), open(t, path)
	head := func(d *DB) db.Mark {
		t.Helper()
		m, err := d.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for i := range 20 {
		writer := []*DB{d, other}[i%2]
		if err := publish(t.Context(), writer, string(rune('a'+i))); err != nil {
			t.Fatal(err)
		}
		want, err := d.Catalogue.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if head(d) != want || head(other) != want {
				t.Fatalf("after commit %d: %v and %v, want %v", i, head(d), head(other), want)
			}
		}
	}
	reads := testing.AllocsPerRun(100, func() { head(d) })
	if reads > 0 {
		t.Errorf("a look at the head allocates %v times: it is no look into memory", reads)
	}
}

// A commit by a program that does not raise the epoch is found by the poll.
func TestHeadAfterAForeignCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	d := open(t, path)
	before, err := d.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	withSession(t, path, func(s *session) error { return s.Exec("UPDATE feed SET mark = 'foreign'") })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		m, err := d.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Mark == "foreign" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the head is still %v (%v before)", m, before)
		}
	}
}

// Whoever makes the file, it belongs to whom the database belongs to.
func TestEpochBelongsToTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes files for others")
	}
	path := filepath.Join(t.TempDir(), "registry.db")
	if err := errors.Join(os.WriteFile(path, nil, 0o640), os.Chown(path, 12345, 54321)); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	st, err := os.Stat(path + "-epoch")
	if err != nil {
		t.Fatal(err)
	}
	if owner := st.Sys().(*syscall.Stat_t); owner.Uid != 12345 || owner.Gid != 54321 || st.Mode().Perm() != 0o640 {
		t.Errorf("owner %d:%d, mode %v", owner.Uid, owner.Gid, st.Mode())
	}
}
