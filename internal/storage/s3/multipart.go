package s3

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const (
	minPart      = 16 << 20
	maxParts     = 10_000 // S3's limit
	partsAtOnce  = 3
	abortTimeout = 30 * time.Second
	// The longest pause between two looks whether an aborted upload is gone.
	abortPatience = 400 * time.Millisecond
)

// partSizeFor is the size of parts, a multiple of least, that makes at most 10,000.
func partSizeFor(size, least int64) int64 {
	part := (size + maxParts - 1) / maxParts
	return max(1, (part+least-1)/least) * least
}

// multipart sends the blob in parts. Whatever goes wrong, it leaves no unfinished
// upload behind unless the server is gone by then; Tidy takes that one.
func (u *upload) multipart(ctx context.Context, createOnly bool) (err error) {
	create := &s3.CreateMultipartUploadInput{
		Bucket: &u.s.cfg.Bucket, Key: u.s.key(u.d), ContentType: aws.String(contentType),
	}
	if u.checksums {
		create.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	}
	create.ServerSideEncryption, create.SSEKMSKeyId = u.s.encryption()
	begun, err := u.s.client.CreateMultipartUpload(ctx, create)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// As text: err decides what this failure is.
			if aerr := u.abort(ctx, begun.UploadId); aerr != nil {
				err = fmt.Errorf("%w (and aborting the upload: %v)", err, aerr) //nolint:errorlint // see above
			}
		}
	}()

	done := make([]types.CompletedPart, len(u.sums))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	for i := range u.sums {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error {
			part, err := u.sendPart(gctx, begun.UploadId, i)
			done[i] = part
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err = u.s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.s.cfg.Bucket, Key: u.s.key(u.d), UploadId: begun.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
		IfNoneMatch:     ifNoneMatch(createOnly),
	}, u.s.patiently)
	return err
}

// patiently is for requests with which much of a transfer would be lost.
func (s *Store) patiently(o *s3.Options) { o.Retryer = s.patient }

func (u *upload) sendPart(ctx context.Context, id *string, i int) (types.CompletedPart, error) {
	number := aws.Int32(int32(i + 1)) //nolint:gosec // at most 10,000
	body, sum := u.section(i), u.checksum(i)
	out, err := u.s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.s.cfg.Bucket, Key: u.s.key(u.d), UploadId: id, PartNumber: number,
		Body: body, ContentLength: aws.Int64(body.Size()), ChecksumSHA256: sum,
	}, signedAs(u.sums[i]), u.s.patiently)
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{PartNumber: number, ETag: out.ETag, ChecksumSHA256: sum}, nil
}

// abort ends the upload also when the context has ended. A part that was on its way
// when the upload was aborted may bring it back (S3 API reference, AbortMultipartUpload),
// so it is repeated until the server no longer knows the upload.
func (u *upload) abort(ctx context.Context, id *string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		_, err := u.s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
			Bucket: &u.s.cfg.Bucket, Key: u.s.key(u.d), UploadId: id,
		})
		if err != nil && errorCode(err) == "" {
			return err // no answer at all: the client has tried often enough
		}
		time.Sleep(pause) // the context does not end while abortPatience lasts
		_, lerr := u.s.client.ListParts(ctx, &s3.ListPartsInput{
			Bucket: &u.s.cfg.Bucket, Key: u.s.key(u.d), UploadId: id, MaxParts: aws.Int32(1),
		})
		switch {
		case errorCode(lerr) == "NoSuchUpload":
			return nil
		case err == nil && errorCode(lerr) == "AccessDenied": // aborted, as far as this account can tell
			return nil
		case pause > abortPatience:
			if err == nil {
				err = lerr
			}
			if err == nil {
				err = errors.New("the server still lists it")
			}
			return err
		}
	}
}

// partHasher hashes each part of what is written to it.
type partHasher struct {
	part, left int64
	sum        hash.Hash
	sums       [][]byte
}

func newPartHasher(part int64) *partHasher {
	return &partHasher{part: part, left: part, sum: sha256.New()}
}

// Write never fails.
func (h *partHasher) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(int64(len(p)), h.left)
		h.sum.Write(p[:k])
		p, h.left = p[k:], h.left-k
		if h.left == 0 {
			h.next()
		}
	}
	return n, nil
}

func (h *partHasher) next() {
	h.sums = append(h.sums, h.sum.Sum(nil))
	h.sum.Reset()
	h.left = h.part
}

// finish gives the sums, that of the last, shorter part too.
func (h *partHasher) finish() [][]byte {
	if h.left < h.part {
		h.next()
	}
	return h.sums
}
