package s3

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"packregistry/internal/pack"
)

func TestResolve(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		in       Config
		endpoint string
		region   string
		path     bool
	}{
		"aws":                 {Config{Region: "eu-west-1"}, "", "eu-west-1", false},
		"aws, path style":     {Config{Region: "eu-west-1", ForcePathStyle: &yes}, "", "eu-west-1", true},
		"endpoint":            {Config{Endpoint: "http://minio:9000"}, "http://minio:9000", "us-east-1", true},
		"endpoint, hosts":     {Config{Endpoint: "http://minio:9000", ForcePathStyle: &no}, "http://minio:9000", "us-east-1", false},
		"no scheme":           {Config{Endpoint: "minio:9000"}, "https://minio:9000", "us-east-1", true},
		"no scheme, insecure": {Config{Endpoint: "minio:9000", Secure: &no}, "http://minio:9000", "us-east-1", true},
		"legacy":              {Config{Host: "minio", Port: 9000}, "https://minio:9000", "us-east-1", true},
		"legacy, secure":      {Config{Host: "minio", Port: 9000, Secure: &yes, Region: "r"}, "https://minio:9000", "r", true},
		"legacy, insecure":    {Config{Host: "minio", Port: 9000, Secure: &no}, "http://minio:9000", "us-east-1", true},
		"legacy, no port":     {Config{Host: "10.0.0.1", Secure: &no}, "http://10.0.0.1", "us-east-1", true},
		"legacy with scheme":  {Config{Host: "http://minio/", Port: 9000}, "http://minio:9000", "us-east-1", true},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Bucket = "b"
			got, err := c.in.Resolve()
			if err != nil {
				t.Fatal(err)
			}
			if got.Endpoint != c.endpoint || got.Region != c.region || *got.ForcePathStyle != c.path {
				t.Errorf("got endpoint %q region %q path style %v", got.Endpoint, got.Region, *got.ForcePathStyle)
			}
			again, err := got.Resolve()
			if err != nil || !cmp.Equal(got, again) {
				t.Errorf("resolving again: %v, %s", err, cmp.Diff(got, again))
			}
		})
	}
}

func TestBadConfig(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(notPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Config{
		"storage.s3.bucket":                  {},
		"storage.s3.rootdirectory":           {Bucket: "a/b"},
		"storage.s3.host":                    {Bucket: "b", Host: "h", Endpoint: "http://e"},
		"storage.s3.port":                    {Bucket: "b", Port: 9000},
		"storage.s3.endpoint":                {Bucket: "b", Endpoint: "ftp://e"},
		"storage.s3.secretkey":               {Bucket: "b", AccessKey: "a"},
		"storage.s3.accesskey":               {Bucket: "b", SecretKey: "s"},
		"storage.s3.timeout":                 {Bucket: "b", Timeout: -1},
		"storage.s3.redirectendpoint is no":  {Bucket: "b", Endpoint: "http://e", Redirect: true, RedirectEndpoint: "http://a?b"},
		"storage.s3.redirectendpoint has no": {Bucket: "b", Endpoint: "http://e", RedirectEndpoint: "https://s3.example.com"},
		"storage.s3.cafile":                  {Bucket: "b", Endpoint: "http://e", CAFile: notPEM},
		"storage.s3.cafile cannot":           {Bucket: "b", Endpoint: "http://e", CAFile: notPEM + "x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(t.Context(), c, time.Now)
			if !pack.IsKind(err, pack.KindInvalid) || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want KindInvalid that names the key", err)
			}
		})
	}
}

// Parts cover the blob, are at most 10,000 and never below the least size.
func TestParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 5<<40).Draw(t, "size") // up to 5 TiB, S3's limit
		part := partSizeFor(size, minPart)
		n := (size + part - 1) / part
		if n > maxParts || part < minPart || part%minPart != 0 || part > 5<<30 {
			t.Fatalf("%d bytes in %d parts of %d", size, n, part)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.Int64Range(1, 50).Draw(t, "part")
		writes := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 120)).Draw(t, "writes")
		h, size := newPartHasher(part), int64(0)
		for _, w := range writes {
			if n, err := h.Write(w); n != len(w) || err != nil {
				t.Fatal(n, err)
			}
			size += int64(len(w))
		}
		if sums := h.finish(); int64(len(sums)) != (size+part-1)/part {
			t.Fatalf("%d sums of %d bytes in parts of %d", len(sums), size, part)
		}
	})
}
