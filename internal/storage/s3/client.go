package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	dialTimeout = 5 * time.Second
	maxBackoff  = 2 * time.Second
	// maxIdle keeps connections for as many uploads and downloads at once.
	maxIdle = 64
)

// newClient makes the SDK's client from a resolved Config.
func newClient(ctx context.Context, c Config) (*s3.Client, error) {
	hc, err := httpClient(c)
	if err != nil {
		return nil, err
	}
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(hc),
		awsconfig.WithRetryer(func() aws.Retryer { return retryer(c, false) }),
	}
	if c.Region != "" {
		options = append(options, awsconfig.WithRegion(c.Region))
	}
	if c.AccessKey != "" {
		options = append(options, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, c.SessionToken)))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("loading the AWS settings: %w", err)
	}
	if cfg.Region == "" {
		return nil, invalid("storage.s3.region is missing")
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = *c.ForcePathStyle
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		} else if c.Secure != nil && !*c.Secure {
			o.EndpointOptions.DisableHTTPS = true
		}
		// We give the checksums ourselves, where the server takes them: the SDK's own
		// would hash everything once more, in a form that other servers refuse.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
	}), nil
}

// retryer says what is asked again. A server that was silent for the whole timeout is not: those who wait
// for an answer should hear soon that there is none, and may ask again themselves. Only what belongs to a
// large transfer, which would be lost as a whole, asks again after silences too.
func retryer(c Config, silences bool) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = c.MaxAttempts
		o.MaxBackoff = maxBackoff
		// Attempts are few and bounded; a shared budget on top would only make some
		// requests fail at once, with an error that hides the cause.
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{Codes: collisions()})
		if !silences {
			o.Retryables = slices.Insert(o.Retryables, 0, retry.IsErrorRetryable(retry.IsErrorRetryableFunc(afterSilence)))
		}
	})
}

// afterSilence is false for a server that took the connection and then said nothing. One that could not be
// connected to is known after dialTimeout, and others may answer for it.
func afterSilence(err error) aws.Ternary {
	var timeout net.Error
	var op *net.OpError
	if !errors.As(err, &timeout) || !timeout.Timeout() || errors.As(err, &op) && op.Op == "dial" {
		return aws.UnknownTernary
	}
	return aws.FalseTernary
}

// httpClient bounds how long the server may be silent: while connecting, while we
// send, before its answer, and between two pieces of it. A transfer as a whole may
// take as long as it needs.
func httpClient(c Config) (*awshttp.BuildableClient, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, invalid("storage.s3.cafile cannot be read: " + err.Error() + "; name a PEM file that the server may read, or remove the setting")
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // none on this system
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, invalid("storage.s3.cafile holds no certificate in PEM form: " + c.CAFile + "; name the file with the authority's certificate, or remove the setting")
		}
		tlsConfig.RootCAs = pool
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	// The SDK's own kind of client: it alone lets AWS_CA_BUNDLE add its roots, and it
	// follows no redirects, which would carry the wrong signature.
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &patientConn{Conn: conn, timeout: c.Timeout}, nil
		}
		t.TLSClientConfig = tlsConfig
		t.TLSHandshakeTimeout = dialTimeout
		t.ResponseHeaderTimeout = c.Timeout
		// Below the deadline that an idle connection has from its last read.
		t.IdleConnTimeout = c.Timeout / 2
		t.MaxIdleConns = maxIdle
		t.MaxIdleConnsPerHost = maxIdle
		t.WriteBufferSize = 64 << 10
		t.ReadBufferSize = 32 << 10
		t.ForceAttemptHTTP2 = false // deadlines would hit all streams of a connection
		t.DisableCompression = true
	}), nil
}

// patientConn gives each read and write a deadline of its own.
type patientConn struct {
	net.Conn
	timeout time.Duration
}

func (c *patientConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *patientConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
