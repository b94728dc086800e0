package acceptance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"packregistry/internal/testenv"
)

const (
	bigBlob    = 2 << 30
	bigMemory  = 80 << 10 // KiB, of the whole process at its highest
	streamSeed = 20261122
)

// TestBigBlob streams 2 GiB through the server, in and out, and asks the kernel how much memory that took.
func TestBigBlob(t *testing.T) {
	if os.Getenv("REGISTRY_TEST_FULL") == "" {
		t.Skip("2 GiB, only with REGISTRY_TEST_FULL=1")
	}
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.client.Timeout = 15 * time.Minute
		hash := sha256.New()
		if _, err := io.Copy(hash, bigStream()); err != nil {
			t.Fatal(err)
		}
		digest := "sha256:" + hex.EncodeToString(hash.Sum(nil))
		const repo = "images/big"
		at := s.v2(http.MethodPost, repo+"/blobs/uploads/", nil).must(t, 202, "start").header.Get("Location")
		at = s.v2(http.MethodPatch, at, bigStream()).must(t, 202, "stream").header.Get("Location")
		s.v2(http.MethodPut, at+"?digest="+digest, nil).must(t, 201, "finish")

		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v2/"+repo+"/blobs/"+digest, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("admin", password)
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		hash.Reset()
		n, err := io.Copy(hash, resp.Body)
		if got := "sha256:" + hex.EncodeToString(hash.Sum(nil)); err != nil || resp.StatusCode != 200 || n != bigBlob || got != digest {
			t.Fatalf("%d: %d bytes, %s, want %s (%v)", resp.StatusCode, n, got, digest, err)
		}
		if peak := s.peak(); peak > bigMemory {
			t.Errorf("the server needed %d KiB, more than %d", peak, bigMemory)
		} else {
			t.Logf("VmHWM %d KiB", peak)
		}
	})
}

// bigStream is the same 2 GiB each time, and nothing that compresses.
func bigStream() io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{streamSeed % 251}), bigBlob)
}

// peak is the most memory the process ever had, in KiB (VmHWM of proc(5)).
func (s *server) peak() int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		testenv.Missing(s.t, "/proc", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				s.t.Fatal(err)
			}
			return kib
		}
	}
	s.t.Fatal("no VmHWM in /proc")
	return 0
}
