package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"packregistry/internal/config"
	"packregistry/internal/db"
	"packregistry/internal/db/postgres"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/storage/s3"
)

// checkRemote finds what openS3 and openPostgres would refuse before they speak to a server.
func checkRemote(ctx context.Context, cfg *config.Config) error {
	if cfg.Storage.Driver == config.DriverS3 {
		if _, err := openS3(ctx, cfg.Storage.S3); err != nil {
			return fmt.Errorf("storage.s3: %w", err)
		}
	}
	if strings.HasPrefix(cfg.Database.URL, "sqlite://") {
		return nil
	}
	if err := postgres.CheckURL(cfg.Database.URL); err != nil {
		return fmt.Errorf("database.url: %w", err)
	}
	return nil
}

// openS3 opens the bucket. The configuration has made one endpoint of the legacy
// host, port and secure.
func openS3(ctx context.Context, c config.S3) (*s3.Store, error) {
	cfg := s3.Config{
		Bucket: c.Bucket, Region: c.Region, Endpoint: c.Endpoint, RootDirectory: c.RootDirectory,
		AccessKey: c.AccessKey, SecretKey: c.SecretKey, SessionToken: c.SessionToken, CAFile: c.CA,
		Encrypt: c.Encrypt, KMSKeyID: c.KeyID, Timeout: time.Duration(c.Timeout), MaxAttempts: c.MaxAttempts,
		Redirect: c.Redirect, RedirectEndpoint: c.RedirectEndpoint,
	}
	if c.ForcePathStyle != "auto" {
		force := c.ForcePathStyle == "true"
		cfg.ForcePathStyle = &force
	}
	return s3.New(ctx, cfg, time.Now)
}

// openPostgres connects to a Postgres.
func openPostgres(ctx context.Context, url string, opts sqlcat.Options) (db.DB, error) {
	return postgres.Open(ctx, url, opts)
}
