package auth

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// BenchmarkAuthenticate is a login that was verified before, at each cost, and from several connections at once.
func BenchmarkAuthenticate(b *testing.B) {
	for _, cost := range []int{5, 10, 12} {
		b.Run(fmt.Sprintf("cost=%d", cost), func(b *testing.B) {
			hash, err := bcrypt.GenerateFromPassword([]byte("pw"), cost)
			if err != nil {
				b.Fatal(err)
			}
			path := filepath.Join(b.TempDir(), "htpasswd")
			if err := os.WriteFile(path, []byte("ci:"+string(hash)+"\n"), 0o600); err != nil {
				b.Fatal(err)
			}
			a, err := New(Config{Htpasswd: path, Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			login := func() {
				if _, err := a.Authenticate(context.Background(), "ci", "pw", "10.0.0.1"); err != nil {
					b.Error(err)
				}
			}
			login()
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					login()
				}
			})
		})
	}
}
