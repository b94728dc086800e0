package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// kills is how often the server is killed, per back end; make test-full kills twenty times as often.
func kills() int {
	if os.Getenv("REGISTRY_TEST_FULL") != "" {
		return 500
	}
	return 25
}

// TestKill uploads without pause, kills the server at random moments, and asks after
// each restart for everything that was ever acknowledged. At the end the store holds no damage.
func TestKill(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		var mu sync.Mutex
		acked := map[string]archive{} // by path
		n := 0
		kills := kills()
		for round := range kills {
			s := start(t, b)
			checkAcked(t, s, acked, 10)
			ctx, stop := context.WithCancel(context.Background())
			flowing := make(chan struct{}, 1)
			var clients sync.WaitGroup
			ended := make(chan struct{})
			for range 3 {
				clients.Go(func() {
					for ctx.Err() == nil {
						mu.Lock()
						n++
						a := made(t, fmt.Sprintf("crash-%d", n%7), fmt.Sprintf("1.%d.0", n), strings.Repeat(fmt.Sprint(n), 5000))
						mu.Unlock()
						status, _, err := s.do(ctx, http.MethodPost, "/api/v1/packs", bytes.NewReader(a.data))
						if err != nil {
							return
						}
						if status != http.StatusCreated {
							t.Errorf("upload: %d", status)
							return
						}
						mu.Lock()
						acked[a.path()] = a
						mu.Unlock()
						select {
						case flowing <- struct{}{}:
						default:
						}
					}
				})
			}
			go func() { clients.Wait(); close(ended) }()
			// The first request hashes the password. Most rounds wait until uploads flow; some kill before that.
			if round%5 != 0 {
				select {
				case <-flowing:
				case <-ended:
					t.Error("all clients ended before an upload was acknowledged")
				}
			}
			time.Sleep(time.Duration(rand.IntN(120)) * time.Millisecond)
			s.kill()
			stop()
			<-ended
		}
		if len(acked) < kills/2 {
			t.Fatalf("only %d uploads were acknowledged in %d rounds: nothing was tested", len(acked), kills)
		}
		s := start(t, b)
		checkAcked(t, s, acked, len(acked))
		t.Logf("%d uploads acknowledged over %d kills", len(acked), kills)
		admin(t, b, "sweep", "--grace", "0s")
		checkVerify(t, b)
	})
}

// checkAcked downloads up to most of the acknowledged packs.
func checkAcked(t *testing.T, s *server, acked map[string]archive, most int) {
	t.Helper()
	for path, a := range acked {
		if most--; most < 0 {
			return
		}
		status, body, err := s.do(context.Background(), http.MethodGet, path+"/archive", nil)
		if err != nil || status != http.StatusOK || "sha256:"+sum(body) != a.digest {
			t.Fatalf("%s was acknowledged and is lost: %d %v %.200s", path, status, err, body)
		}
	}
}

// checkVerify runs registry admin verify, which fails when anything does not hold.
func checkVerify(t *testing.T, b backend) {
	t.Helper()
	out := admin(t, b, "verify", "-o", "json")
	var report struct {
		Blobs                      int
		Corrupt, Missing, Orphaned []string
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("verify printed %q: %v", out, err)
	}
	if report.Blobs == 0 || len(report.Corrupt)+len(report.Missing)+len(report.Orphaned) > 0 {
		t.Errorf("verify: %s", out)
	}
}
