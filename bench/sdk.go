package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"packregistry/internal/testenv"
)

// discard makes a request and reads the body to its end.
func discard(ctx context.Context, c *http.Client, s *server, r request) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+r.path, nil)
	if err != nil {
		return err
	}
	for _, h := range []http.Header{s.header, r.header} {
		for name, values := range h {
			req.Header[name] = values
		}
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != r.status {
		return fmt.Errorf("%s: %s answered %d, not %d", s.name, r.path, resp.StatusCode, r.status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// readBySDK reads an object directly, with the SDK.
func (b *bench) readBySDK(ctx context.Context, _ int) (_ map[string]sample, err error) {
	e, stop, err := testenv.StartS3(filepath.Join(b.work, "s3"))
	if err != nil {
		return nil, err
	}
	defer stop()
	bucket := "sdk-" + randomName()
	if err := testenv.MakeBucket(ctx, e, bucket); err != nil {
		return nil, err
	}
	defer removeAll(filepath.Join(b.work, "s3", "buckets", bucket))
	c := s3.New(s3.Options{
		BaseEndpoint: aws.String(e.URL), Region: e.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(e.AccessKey, e.SecretKey, ""),
	})
	a, err := packZip("download", "1.0.0", 1_000_000, rand.Uint64())
	if err != nil {
		return nil, err
	}
	const name = "pack.zip"
	if _, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(name), Body: bytes.NewReader(a.bytes)}); err != nil {
		return nil, err
	}
	read := func(ctx context.Context, w io.Writer) error {
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String(name)})
		if err != nil {
			return err
		}
		_, err = io.Copy(w, out.Body)
		return errors.Join(err, out.Body.Close())
	}
	if err := waitIdle(idleLimit, b.patience()); err != nil {
		return nil, err
	}
	for range 3 {
		sum := sha256.New()
		if err := read(ctx, sum); err != nil {
			return nil, err
		}
		if hex.EncodeToString(sum.Sum(nil)) != a.hex {
			return nil, errors.New("the SDK reads other bytes than were stored")
		}
	}
	m := map[string]sample{}
	for _, clients := range []int{1, 4} {
		if m[itoa(clients)], err = b.load(ctx, nil, clients, func(ctx context.Context, _, _ int) error { return read(ctx, io.Discard) }); err != nil {
			return nil, err
		}
	}
	return m, nil
}
