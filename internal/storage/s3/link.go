package s3

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// linkTime is how long an address holds: a client may have to look names up, connect, and follow from a queue. Temporary
// credentials that end sooner end it sooner.
const linkTime = 20 * time.Minute

// linker gives out presigned addresses.
type linker struct {
	store   *Store
	presign *s3.PresignClient
}

// Linker gives out addresses of blobs. It is nil unless Config.Redirect says so.
func (s *Store) Linker() storage.Linker {
	if !s.cfg.Redirect {
		return nil
	}
	return &linker{store: s, presign: s3.NewPresignClient(s.client, func(o *s3.PresignOptions) {
		o.Expires = linkTime
		o.Presigner = presigner{v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), s.now}
		if endpoint := s.cfg.RedirectEndpoint; endpoint != "" {
			o.ClientOptions = append(o.ClientOptions, func(o *s3.Options) { o.BaseEndpoint = &endpoint })
		}
	})}
}

// Link implements storage.Linker. It looks at the object first: what S3 itself says of one that is not there is
// nothing to show to people.
func (l *linker) Link(ctx context.Context, d pack.Digest, as storage.LinkOptions) (string, error) {
	info, err := l.store.Stat(ctx, d)
	if err != nil {
		return "", err
	}
	if info.Size != as.Size {
		return "", storage.Corrupt(d, fmt.Errorf("it has %d bytes instead of %d", info.Size, as.Size))
	}
	in := &s3.GetObjectInput{Bucket: &l.store.cfg.Bucket, Key: l.store.key(d)}
	if as.MediaType != "" {
		in.ResponseContentType = &as.MediaType
	}
	if as.Disposition != "" {
		in.ResponseContentDisposition = &as.Disposition
	}
	signed, err := l.presign.PresignGetObject(ctx, in)
	if err != nil {
		return "", fail(ctx, d, err) // no credentials: nothing was sent
	}
	return signed.URL, nil
}

// presigner is the SDK's, by the store's clock.
type presigner struct {
	signer *v4.Signer
	now    func() time.Time
}

// PresignHTTP implements s3.HTTPPresignerV4.
func (p presigner) PresignHTTP(ctx context.Context, credentials aws.Credentials, r *http.Request, payloadHash, service, region string,
	_ time.Time, options ...func(*v4.SignerOptions),
) (string, http.Header, error) {
	return p.signer.PresignHTTP(ctx, credentials, r, payloadHash, service, region, p.now(), options...)
}
