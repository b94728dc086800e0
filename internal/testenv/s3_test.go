package testenv

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

func TestBucketIsFresh(t *testing.T) {
	e, one := Bucket(t)
	_, two := Bucket(t)
	if one == two {
		t.Error("two tests had the same bucket")
	}
	if err := MakeBucket(t.Context(), e, one); err != nil {
		t.Errorf("making it again: %v", err)
	}
	e.SecretKey += "x"
	if err := MakeBucket(t.Context(), e, "other"); err == nil {
		t.Error("the server does not check signatures")
	}
}

func TestStartS3KeepsItsData(t *testing.T) {
	if _, err := versitygw(); err != nil {
		Missing(t, "an S3 server", err)
	}
	above := filepath.Join(t.TempDir(), "made")
	dir := filepath.Join(above, "s3")
	for range 2 {
		e, stop, err := StartS3(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := MakeBucket(t.Context(), e, "kept"); err != nil {
			t.Error(err)
		}
		stop()
		if _, err := http.Get(e.URL + "/health"); err == nil { //nolint:bodyclose // there is none
			t.Error("the server answers after stop")
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "buckets", "kept")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(above); err != nil || info.Mode().Perm()&0o005 != 0o005 {
		t.Errorf("another user may not pass what was made above: %v, %v", info.Mode(), err)
	}
}
