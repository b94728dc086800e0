// Package s3 keeps blobs in a bucket of S3 or of a server that speaks like it.
// The AWS SDK appears here and nowhere else, and none of its types leave.
//
// A blob is one object, <rootdirectory>/blobs/sha256/ab/abcd... It is written by one
// PutObject, or by a multipart upload above 64 MiB; both carry SHA-256 checksums
// that the server verifies, and both only create. The account needs s3:GetObject,
// s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload on the objects and
// s3:ListBucket, s3:ListBucketMultipartUploads on the bucket (without ListBucket,
// S3 answers 403 for what is not there). With s3:ListMultipartUploadParts it makes sure
// that an aborted upload is gone.
package s3

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// Store keeps blobs in one bucket.
type Store struct {
	client *s3.Client
	// patient is the retryer of requests that belong to a large transfer.
	patient aws.Retryer
	cfg     Config // resolved
	prefix  string

	// What the server has turned out not to know; learned once for a process.
	noCreateOnly atomic.Bool // If-None-Match on writes
	noChecksums  atomic.Bool // x-amz-checksum-*
	// bucketSeen is set once any answer proved that the bucket is there.
	bucketSeen atomic.Bool

	now     func() time.Time
	trust   storage.Trust[identity]
	buffers sync.Pool // of *[copyBuffer]byte

	singleLimit int64 // largest blob put at once
	partSize    int64 // smallest part of a larger one
}

// New makes a store. It checks the settings but speaks to no bucket yet: Check does.
func New(ctx context.Context, cfg Config, now func() time.Time) (*Store, error) {
	cfg, err := cfg.Resolve()
	if err != nil {
		return nil, err
	}
	client, err := newClient(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Store{
		client: client, patient: retryer(cfg, true), cfg: cfg, prefix: cfg.prefix(),
		now: now, buffers: sync.Pool{New: func() any { return new([copyBuffer]byte) }},
		singleLimit: singleLimit, partSize: minPart,
	}, nil
}

// key is a blob's name in the bucket.
func (s *Store) key(d pack.Digest) *string { return aws.String(s.prefix + storage.Key(d)) }

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, d pack.Digest) (storage.Info, error) {
	if err := storage.CheckDigest(d); err != nil {
		return storage.Info{}, err
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.cfg.Bucket, Key: s.key(d)})
	if err != nil {
		err = fail(ctx, d, err)
		if pack.IsKind(err, pack.KindNotFound) && !s.bucketSeen.Load() {
			// The answer to HEAD has no body, so that a bucket that is not there looks
			// just like a blob that is not there.
			if berr := s.check(ctx); berr != nil {
				return storage.Info{}, berr
			}
		}
		return storage.Info{}, err
	}
	s.bucketSeen.Store(true)
	return storage.Info{Digest: d, Size: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified)}, nil
}

// Delete implements storage.Store. In a bucket with versions, S3 keeps the bytes
// until the bucket's own rules remove them.
func (s *Store) Delete(ctx context.Context, d pack.Digest) error {
	if err := storage.CheckDigest(d); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.cfg.Bucket, Key: s.key(d)})
	if err = fail(ctx, d, err); pack.IsKind(err, pack.KindNotFound) {
		return nil // S3 itself calls this a success; not every server does
	}
	return err
}

// Walk implements storage.Store.
func (s *Store) Walk(ctx context.Context, fn func(storage.Info) error) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
		Bucket: &s.cfg.Bucket, Prefix: aws.String(s.prefix + storage.Prefix),
	}, func(o *s3.ListObjectsV2PaginatorOptions) { o.StopOnDuplicateToken = true })
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fail(ctx, "", err)
		}
		for _, object := range page.Contents {
			if err := ctx.Err(); err != nil {
				return storage.Cancelled(err)
			}
			d, ok := s.parseKey(aws.ToString(object.Key))
			if !ok {
				continue
			}
			info := storage.Info{Digest: d, Size: aws.ToInt64(object.Size), ModTime: aws.ToTime(object.LastModified)}
			if err := fn(info); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return storage.Cancelled(err)
	}
	return nil
}

func (s *Store) parseKey(key string) (pack.Digest, bool) {
	if len(key) < len(s.prefix) || key[:len(s.prefix)] != s.prefix {
		return "", false
	}
	return storage.ParseKey(key[len(s.prefix):])
}

// Check implements storage.Store: it lists at most one object. It asks once, without
// retries: who asks for readiness asks again.
func (s *Store) Check(ctx context.Context) error {
	return s.check(ctx, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
}

func (s *Store) check(ctx context.Context, options ...func(*s3.Options)) error {
	_, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: &s.cfg.Bucket, Prefix: aws.String(s.prefix + storage.Prefix), MaxKeys: aws.Int32(1),
	}, options...)
	if err != nil {
		return fail(ctx, "", fmt.Errorf("bucket %s: %w", s.cfg.Bucket, err))
	}
	s.bucketSeen.Store(true)
	return nil
}

// Tidy implements storage.Store: it aborts unfinished multipart uploads, whose parts
// cost money until then. Where the server does not know them there is nothing to do.
func (s *Store) Tidy(ctx context.Context, before time.Time) (int, error) {
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{
		Bucket: &s.cfg.Bucket, Prefix: aws.String(s.prefix + storage.Prefix),
	})
	n := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			if ctx.Err() == nil && notImplemented(err) {
				return n, nil
			}
			return n, fail(ctx, "", err)
		}
		for _, u := range page.Uploads {
			if !s.stale(u, before) {
				continue
			}
			_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
				Bucket: &s.cfg.Bucket, Key: u.Key, UploadId: u.UploadId,
			})
			if err != nil && errorCode(err) != "NoSuchUpload" {
				return n, fail(ctx, "", err)
			}
			n++
		}
	}
	return n, nil
}

func (s *Store) stale(u types.MultipartUpload, before time.Time) bool {
	_, ours := s.parseKey(aws.ToString(u.Key))
	return ours && u.Initiated != nil && u.Initiated.Before(before)
}
