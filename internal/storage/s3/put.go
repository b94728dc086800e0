package s3

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// singleLimit is the largest blob that goes in one request.
const singleLimit = 64 << 20

// putRounds bounds how often a put looks again after another writer was faster.
const putRounds = 4

// Put implements storage.Store. The source is hashed once before anything is sent,
// whole and in parts; the sums then go along as checksums and into the signature,
// so the server refuses what changed on the way. The source is sent straight from
// where it lies: a put holds no more than a few buffers.
func (s *Store) Put(ctx context.Context, d pack.Digest, src storage.Source) error {
	if err := storage.CheckDigest(d); err != nil {
		return err
	}
	upload, err := s.prepare(ctx, d, src)
	if err != nil {
		return err
	}
	for round := 1; ; round++ {
		info, err := s.Stat(ctx, d)
		absent := pack.IsKind(err, pack.KindNotFound)
		if err != nil && !absent {
			return err
		}
		if !absent && info.Size == upload.size {
			return nil
		}
		// What has another size was put there past this store; the bytes at hand are
		// known to be right, so they replace it. The last round writes in any case:
		// with the same bytes it does not matter who wins.
		createOnly := absent && round < putRounds && !s.noCreateOnly.Load()
		upload.checksums = !s.noChecksums.Load()
		err = upload.send(ctx, createOnly)
		switch {
		case err == nil:
			return nil
		case createOnly && exists(err):
		case notImplemented(err) && s.learn(createOnly, upload.checksums):
		case round < putRounds && errorCode(err) == "NoSuchUpload":
			// Completed by an attempt whose answer was lost, or aborted by a Tidy.
		default:
			return fail(ctx, "", err)
		}
		if round == putRounds+2 { // each thing to learn may take a round more
			return fail(ctx, "", err)
		}
	}
}

// learn gives up, for all puts to come, what the server may not know of that which a
// refused request asked for: first create-only writes, then checksums. It is false
// when there is nothing left.
func (s *Store) learn(createOnly, checksums bool) bool {
	switch {
	case createOnly:
		s.noCreateOnly.Store(true)
	case checksums:
		s.noChecksums.Store(true)
	default:
		return false
	}
	return true
}

// upload is a verified source on its way.
type upload struct {
	s        *Store
	d        pack.Digest
	src      storage.Source
	size     int64
	partSize int64
	sums     [][]byte // SHA-256 of each part; one for a blob in one piece

	checksums bool // send them as headers, too
}

// prepare verifies the source and hashes its parts.
func (s *Store) prepare(ctx context.Context, d pack.Digest, src storage.Source) (*upload, error) {
	u := &upload{s: s, d: d, src: src, size: src.Size()}
	if u.size <= s.singleLimit {
		sum, err := hex.DecodeString(d.Hex())
		if err != nil {
			return nil, pack.Wrap(pack.KindInvalid, err, "not a digest")
		}
		u.partSize, u.sums = u.size, [][]byte{sum}
		return u, storage.CopyVerified(ctx, io.Discard, d, src)
	}
	u.partSize = partSizeFor(u.size, s.partSize)
	parts := newPartHasher(u.partSize)
	if err := storage.CopyVerified(ctx, parts, d, src); err != nil {
		return nil, err
	}
	u.sums = parts.finish()
	return u, nil
}

// send writes the object; the error is the SDK's.
func (u *upload) send(ctx context.Context, createOnly bool) error {
	if u.size > u.s.singleLimit {
		return u.multipart(ctx, createOnly)
	}
	in := &s3.PutObjectInput{
		Bucket: &u.s.cfg.Bucket, Key: u.s.key(u.d),
		Body: u.section(0), ContentLength: &u.size, ContentType: aws.String(contentType),
		ChecksumSHA256: u.checksum(0), IfNoneMatch: ifNoneMatch(createOnly),
	}
	in.ServerSideEncryption, in.SSEKMSKeyId = u.s.encryption()
	_, err := u.s.client.PutObject(ctx, in, signedAs(u.sums[0]))
	return err
}

const contentType = "application/octet-stream"

// section is the part with the number, counted from 0.
func (u *upload) section(i int) *io.SectionReader {
	start := int64(i) * u.partSize
	return io.NewSectionReader(u.src, start, min(u.partSize, u.size-start))
}

// checksum is the part's checksum header, nil where the server knows none.
func (u *upload) checksum(i int) *string {
	if !u.checksums {
		return nil
	}
	return aws.String(base64.StdEncoding.EncodeToString(u.sums[i]))
}

func ifNoneMatch(createOnly bool) *string {
	if !createOnly {
		return nil
	}
	return aws.String("*")
}

// encryption gives what the settings ask of the server.
func (s *Store) encryption() (types.ServerSideEncryption, *string) {
	switch {
	case s.cfg.KMSKeyID != "":
		return types.ServerSideEncryptionAwsKms, &s.cfg.KMSKeyID
	case s.cfg.Encrypt:
		return types.ServerSideEncryptionAes256, nil
	}
	return "", nil
}

// signedAs tells the SDK the payload's hash, which it would else compute by reading
// the payload once more (over HTTP) or leave out of the signature (over HTTPS).
func signedAs(sum []byte) func(*s3.Options) {
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("packPayloadHash",
				func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
					middleware.InitializeOutput, middleware.Metadata, error,
				) {
					return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum)), in)
				}), middleware.After)
		})
	}
}
