package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestPullOfAllTheDiskHolds: an archive of a petabyte is refused by what the server says of it.
func TestPullOfAllTheDiskHolds(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/archive") {
			w.Header().Set("ETag", `"`+digest+`"`)
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<50))
			_, _ = w.Write(make([]byte, 1000)) // the little that comes before the test is over
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"namespace":"default","name":"alpha","version":"1.0.0","digest":%q,"size":%d}`, digest, int64(1)<<50)
	}))
	t.Cleanup(s.Close)
	for _, args := range [][]string{nil, {"--archive"}, {"--archive", "--archive-format", "tar.gz"}} {
		dir := t.TempDir()
		got := spectro(t, dir, nil, "", append([]string{"pack", "pull", "alpha", dir, "-r", strings.TrimPrefix(s.URL, "http://")}, args...)...)
		left, err := os.ReadDir(dir)
		if got.code != ExitPackInvalid || !strings.Contains(got.errors, "has 1.1 PB by what") || err != nil || len(left) > 0 {
			t.Errorf("%v: %+v, left over %v (%v)", args, got, left, err)
		}
	}
}
