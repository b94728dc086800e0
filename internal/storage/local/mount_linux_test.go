package local

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// tmpfs mounts a file system of 2 MiB, which takes root.
func tmpfs(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("mounting a small file system: %v (needs root)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	s := open(t, tmpfs(t))
	small, ds := storagetest.Blob(1, 100_000)
	if err := s.Put(t.Context(), ds, bytes.NewReader(small)); err != nil {
		t.Fatal(err)
	}
	big, d := storagetest.Blob(2, 3<<20)
	for range 2 {
		if err := s.Put(t.Context(), d, bytes.NewReader(big)); !pack.IsKind(err, pack.KindNoSpace) {
			t.Fatalf("Put: got %v, want KindNoSpace", err)
		}
	}
	if _, err := s.Stat(t.Context(), d); !pack.IsKind(err, pack.KindNotFound) {
		t.Errorf("Stat: got %v, want no blob", err)
	}
	if left := filesBelow(t, s.tmp); len(left) > 0 {
		t.Errorf("left in tmp: %v", left)
	}
	sp, err := storage.NewSpool(s.SpoolDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := sp.Fill(bytes.NewReader(big), -1); !pack.IsKind(err, pack.KindNoSpace) {
		t.Errorf("Fill: got %v, want KindNoSpace", err)
	}
	if err := sp.Close(); err != nil {
		t.Error(err)
	}
	// There is room again, and what was there still reads.
	if err := s.Put(t.Context(), ds, bytes.NewReader(small)); err != nil {
		t.Error(err)
	}
	if err := verify(s, ds); err != nil {
		t.Error(err)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	root := tmpfs(t)
	s := open(t, root)
	data, d := storagetest.Blob(1, 1000)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", root, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	other, do := storagetest.Blob(2, 1000)
	if err := s.Put(t.Context(), do, bytes.NewReader(other)); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Put: got %v, want KindUnavailable", err)
	}
	if err := s.Delete(t.Context(), d); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Delete: got %v, want KindUnavailable", err)
	}
	if err := s.Check(t.Context()); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Check: got %v, want KindUnavailable", err)
	}
	if err := verify(s, d); err != nil {
		t.Errorf("reading still works on a read-only disk, but: %v", err)
	}
	if _, err := New(root, time.Now); err == nil || !strings.Contains(err.Error(), root) {
		t.Errorf("New: got %v, want an error that names the directory", err)
	}
}

// A spool on another file system is copied.
func TestSpoolElsewhere(t *testing.T) {
	s := open(t, t.TempDir())
	data, d := storagetest.Blob(1, 100_000)
	sp := spool(t, tmpfs(t), data)
	if err := s.Put(t.Context(), d, sp); err != nil {
		t.Fatal(err)
	}
	if err := verify(s, d); err != nil {
		t.Error(err)
	}
	if err := sp.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere; TestReadOnlyDisk covers it")
	}
	s := open(t, t.TempDir())
	if err := os.Chmod(s.tmp, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(s.tmp, 0o700) // t.TempDir reports what it cannot remove
	data, d := storagetest.Blob(1, 10)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Put: got %v, want KindUnavailable", err)
	}
	if err := s.Check(t.Context()); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Check: got %v, want KindUnavailable", err)
	}
}
