package s3

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
	"packregistry/internal/storage/storagetest"
	"packregistry/internal/testenv"
)

// bucketConfig is the configuration of a fresh bucket on a real server.
func bucketConfig(t testing.TB) Config {
	t.Helper()
	e, bucket := testenv.Bucket(t)
	return Config{Bucket: bucket, Region: e.Region, Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey}
}

func open(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := New(t.Context(), c, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// uploads counts the unfinished multipart uploads in the bucket.
func uploads(t *testing.T, s *Store) int {
	t.Helper()
	out, err := s.client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.cfg.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		c := bucketConfig(t)
		c.RootDirectory = "/some/prefix/"
		s := open(t, c)
		t.Cleanup(func() {
			out, err := s.client.ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &s.cfg.Bucket})
			if err != nil || len(out.Uploads) != 0 {
				t.Errorf("unfinished uploads are left: %v, %v", out, err)
			}
		})
		return s
	})
}

func TestDamage(t *testing.T) {
	storagetest.RunDamage(t, func(t *testing.T) (storage.Store, storagetest.Plant) {
		s := open(t, bucketConfig(t))
		return s, func(t *testing.T, key string, data []byte) { plant(t, s, key, data) }
	})
}

func plant(t *testing.T, s *Store, key string, data []byte) {
	t.Helper()
	_, err := s.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.cfg.Bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRootDirectory(t *testing.T) {
	c := bucketConfig(t)
	stores := map[string]*Store{}
	for _, root := range []string{"", "/registry", "a/b/"} {
		c.RootDirectory = root
		s := open(t, c)
		stores[strings.Trim(root, "/")] = s
		if err := s.Put(t.Context(), storagetest.Digest([]byte(root)), strings.NewReader(root)); err != nil {
			t.Fatal(err)
		}
	}
	for root, s := range stores {
		n := 0
		if err := s.Walk(t.Context(), func(storage.Info) error { n++; return nil }); err != nil || n != 1 {
			t.Errorf("below %q there are %d blobs, %v; want its own alone", root, n, err)
		}
	}
	out, err := stores[""].client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &c.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range out.Contents {
		key := aws.ToString(object.Key)
		i := strings.Index(key, "blobs/sha256/")
		if i < 0 || stores[strings.Trim(key[:i], "/")] == nil {
			t.Errorf("odd key %s", key)
		}
	}
}

// A put keeps the object's checksum at the server, so that the server can verify it.
func TestServerKeepsChecksum(t *testing.T) {
	s := open(t, bucketConfig(t))
	data, d := storagetest.Blob(1, 1000)
	if err := s.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	out, err := s.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.cfg.Bucket, Key: s.key(d), ChecksumMode: "ENABLED"})
	if err != nil {
		t.Fatal(err)
	}
	if out.ChecksumSHA256 == nil {
		t.Error("the server has no SHA-256 of the object")
	}
}

func TestWalkPages(t *testing.T) {
	if testing.Short() {
		t.Skip("1,100 objects: not with -short")
	}
	s := open(t, bucketConfig(t))
	for i := range 1100 { // a page has 1,000
		data := []byte{byte(i), byte(i >> 8)}
		if err := s.Put(t.Context(), storagetest.Digest(data), bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[pack.Digest]bool{}
	if err := s.Walk(t.Context(), func(i storage.Info) error { seen[i.Digest] = true; return nil }); err != nil || len(seen) != 1100 {
		t.Errorf("Walk gives %d blobs, %v; want 1100", len(seen), err)
	}
}

func TestTidy(t *testing.T) {
	s := open(t, bucketConfig(t))
	_, d := storagetest.Blob(1, 10)
	for _, key := range []string{*s.key(d), "somebody/else"} {
		if _, err := s.client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &s.cfg.Bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Tidy(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("Tidy of old uploads: %d, %v; there are none", n, err)
	}
	if n, err := s.Tidy(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("Tidy: %d, %v; want the blob's", n, err)
	}
	if n := uploads(t, s); n != 1 {
		t.Errorf("%d uploads are left, want somebody else's", n)
	}
}

func BenchmarkS3(b *testing.B) {
	storagetest.Benchmark(b, func(b *testing.B) storage.Store { return open(b, bucketConfig(b)) })
}
