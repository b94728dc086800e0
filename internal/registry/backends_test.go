package registry_test

import (
	"context"
	"testing"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/db/postgres"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/db/sqlite"
	"packregistry/internal/storage"
	"packregistry/internal/storage/local"
	"packregistry/internal/storage/s3"
	"packregistry/internal/testenv"
)

func openLocal(t testing.TB, dir string) storage.Store {
	t.Helper()
	s, err := local.New(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openSQLite(t testing.TB, path string) db.DB {
	t.Helper()
	d, err := sqlite.Open(context.Background(), path, sqlcat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func openS3(t testing.TB) storage.Store {
	t.Helper()
	endpoint, bucket := testenv.Bucket(t)
	s, err := s3.New(context.Background(), s3.Config{
		Bucket: bucket, Endpoint: endpoint.URL, Region: endpoint.Region,
		AccessKey: endpoint.AccessKey, SecretKey: endpoint.SecretKey,
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openPostgres(t testing.TB, url string) db.DB {
	t.Helper()
	d, err := postgres.Open(context.Background(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}
