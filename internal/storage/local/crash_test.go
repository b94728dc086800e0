package local

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
)

// crashRoot makes this test binary a writer that puts blobs until it is killed.
const crashRoot = "STORAGE_CRASH_ROOT"

func TestMain(m *testing.M) {
	if root := os.Getenv(crashRoot); root != "" {
		if err := writeForEver(root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForEver puts blobs, by copy and by link in turn, and prints the digest of
// each that was acknowledged.
func writeForEver(root string) error {
	s, err := New(root, time.Now)
	if err != nil {
		return err
	}
	for i := uint64(0); ; i++ {
		data, d := storagetest.Blob(i<<32|uint64(os.Getpid()), int(i%7)*50_000)
		var src storage.Source = bytes.NewReader(data)
		if i%2 == 1 {
			sp, err := storage.NewSpool(s.SpoolDir())
			if err != nil {
				return err
			}
			if err := sp.Fill(bytes.NewReader(data), -1); err != nil {
				return err
			}
			src = sp
		}
		if err := s.Put(context.Background(), d, src); err != nil {
			return err
		}
		fmt.Println(d)
	}
}

func TestKilled(t *testing.T) {
	root := t.TempDir()
	acknowledged := map[pack.Digest]bool{}
	for round := range 8 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), crashRoot+"="+root)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged[pack.Digest(lines.Text())] = true
			if n == 5+round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
			t.Fatalf("the writer ended by itself: %v", err)
		}
	}

	s := open(t, root)
	for d := range acknowledged {
		if err := verify(s, d); err != nil {
			t.Errorf("acknowledged, then lost: %v", err)
		}
	}
	// Whatever else became visible is whole, too.
	err := s.Walk(t.Context(), func(i storage.Info) error { return verify(s, i.Digest) })
	if err != nil {
		t.Error(err)
	}
	if _, err := s.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if left := filesBelow(t, filepath.Join(root, "tmp")); len(left) > 0 {
		t.Errorf("left after Tidy: %v", left)
	}
	if len(acknowledged) < 8*6 {
		t.Errorf("only %d puts were acknowledged", len(acknowledged))
	}
}

func verify(s *Store, d pack.Digest) error {
	rc, err := s.Open(context.Background(), d, 0, -1)
	if err != nil {
		return err
	}
	defer rc.Close()
	_, err = io.Copy(io.Discard, rc)
	return err
}
