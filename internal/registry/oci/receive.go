package oci

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

const sha512Prefix = "sha512:"

// received is a body on disk, with the digest its client named it by.
type received struct {
	*storage.Spool
	long hash.Hash // SHA-512, nil when nobody asked
}

// receive spools bodies one after the other, at most limit bytes (negative: no limit). digest, which may be "",
// says which sums are needed. The caller closes the spool.
func (c *Core) receive(ctx context.Context, digest string, limit int64, bodies ...io.Reader) (_ *received, err error) {
	spool := storage.NewLazySpool(c.cfg.SpoolDir)
	defer func() {
		if err != nil {
			spool.Close()
		}
	}()
	r := &received{Spool: spool}
	var to io.Writer = spool
	if isLong(digest) {
		r.long = sha512.New()
		to = io.MultiWriter(spool, r.long)
	}
	from := io.Reader(&watched{ctx: ctx, r: io.MultiReader(bodies...)})
	if limit >= 0 {
		from = io.LimitReader(from, limit+1)
	}
	if _, err := io.Copy(to, from); err != nil {
		return nil, err
	}
	if limit >= 0 && spool.Size() > limit {
		return nil, tooLarge("blob", c.cfg.BlobLimit)
	}
	return r, nil
}

// check compares the bytes with the digest that the client named.
func (r *received) check(digest string) error {
	got := string(r.Digest())
	if r.long != nil {
		got = sha512Prefix + hex.EncodeToString(r.long.Sum(nil))
	}
	return sameDigest(digest, got)
}

func sameDigest(want, got string) error {
	if want != got {
		return pack.Errorf(pack.KindInvalid, "digest_invalid", "the content does not have the digest named: it is %s; nothing was kept", got)
	}
	return nil
}

// readerOf reads a spool from its beginning.
func readerOf(s storage.Source) io.Reader { return io.NewSectionReader(s, 0, s.Size()) }

// isLong tells a SHA-512.
func isLong(digest string) bool { return strings.HasPrefix(digest, sha512Prefix) }

// digestOf sums bytes with the algorithm of a digest.
func digestOf(like string, body []byte) string {
	if isLong(like) {
		sum := sha512.Sum512(body)
		return sha512Prefix + hex.EncodeToString(sum[:])
	}
	return string(blobDigest(body))
}

func blobDigest(body []byte) pack.Digest {
	sum := sha256.Sum256(body)
	return pack.NewDigest(sum[:])
}

func tooLarge(what string, limit int64) error {
	return &pack.Error{
		Kind: pack.KindTooLarge, Code: what + "_too_large", Limit: limit,
		Message: "the " + what + " is larger than this server accepts",
	}
}

// watched ends with the context and gives a broken body a kind: a client that went away is no failure of the server.
type watched struct {
	ctx context.Context
	r   io.Reader
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, storage.Cancelled(err)
	}
	n, err := w.r.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	var known *pack.Error
	if errors.As(err, &known) {
		return n, err
	}
	if ended := w.ctx.Err(); ended != nil {
		return n, storage.Cancelled(errors.Join(ended, err))
	}
	return n, &pack.Error{Kind: pack.KindInvalid, Code: "blob_upload_invalid", Message: "the upload ended before it was complete; send it again", Err: err}
}
