package acceptance

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestUploadResumes breaks the connection in the middle of a chunk, kills the server, and goes on from where the session says it stands.
func TestUploadResumes(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		s := start(t, b)
		const repo = "team/resumed"
		blob := make([]byte, 3_000_000)
		if _, err := rand.NewChaCha8([32]byte{1}).Read(blob); err != nil {
			t.Fatal(err)
		}
		at := s.v2(http.MethodPost, repo+"/blobs/uploads/", nil).must(t, 202, "start").header.Get("Location")
		at = s.v2(http.MethodPatch, at, bytes.NewReader(blob[:1_000_000]), "Content-Range", "0-999999").must(t, 202, "first chunk").header.Get("Location")
		s.breakOff(at, blob[1_000_000:], 1_000_000)
		if stands := s.stands(at); stands < 1_000_000 || stands > 2_000_000 {
			t.Errorf("after a broken chunk the session stands at %d", stands)
		}
		s.kill()
		s = start(t, b)
		// The killed server may have had the broken chunk in hand: what the session says counts.
		offset := s.stands(at)
		s.v2(http.MethodPatch, at, bytes.NewReader(blob[offset:]), "Content-Range", fmt.Sprintf("%d-%d", offset, len(blob)-1)).must(t, 202, "the rest")
		digest := "sha256:" + sum(blob)
		s.v2(http.MethodPut, at+"?digest="+digest, nil).must(t, 201, "finish")
		if got := s.v2(http.MethodGet, repo+"/blobs/"+digest, nil).must(t, 200, "blob"); !bytes.Equal(got.body, blob) {
			t.Error("the resumed blob has other bytes")
		}
		admin(t, b, "sweep", "--grace", "0s") // the chunks, now that they are one blob
		checkVerify(t, b)
	})
}

// breakOff announces the data as one chunk, sends some of it, and hangs up.
func (s *server) breakOff(path string, data []byte, send int) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	login := base64.StdEncoding.EncodeToString([]byte("admin:" + password))
	head := fmt.Sprintf("PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", path, login, len(data))
	if _, err := conn.Write(append([]byte(head), data[:send]...)); err != nil {
		s.t.Fatal(err)
	}
}

// stands is the number of bytes that a session has, once that has come to rest.
func (s *server) stands(path string) int {
	s.t.Helper()
	last := -1
	for range 100 {
		var end int
		text := s.v2(http.MethodGet, path, nil).must(s.t, 204, "status").header.Get("Range")
		if _, err := fmt.Sscanf(text, "0-%d", &end); err != nil {
			s.t.Fatalf("Range %q: %v", text, err)
		}
		if end+1 == last {
			return last
		}
		last = end + 1
		time.Sleep(300 * time.Millisecond)
	}
	s.t.Fatal("the session does not come to rest")
	return 0
}
