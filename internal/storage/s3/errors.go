package s3

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

// codeKinds says what the error codes of S3 and of the servers that speak like it mean.
// Codes that are not here go by their HTTP status.
var codeKinds = map[string]func(error) error{
	"NoSuchBucket":                       misconfigured,
	"InvalidBucketName":                  misconfigured,
	"PermanentRedirect":                  misconfigured, // the bucket is in another region
	"AuthorizationHeaderMalformed":       misconfigured, // signed for another region
	"IllegalLocationConstraintException": misconfigured,
	"KMS.NotFoundException":              misconfigured,
	"KMS.DisabledException":              misconfigured,

	"AccessDenied":          denied,
	"AllAccessDisabled":     denied,
	"InvalidAccessKeyId":    denied,
	"XAdminUserNotFound":    denied, // versitygw, with status 404
	"SignatureDoesNotMatch": denied,
	"ExpiredToken":          denied,
	"InvalidToken":          denied,
	"RequestTimeTooSkewed":  denied,
	"InvalidObjectState":    denied, // moved to an archive tier

	"QuotaExceeded":                  storage.NoSpace, // Ceph, versitygw (with status 403)
	"XMinioStorageFull":              storage.NoSpace,
	"XMinioAdminBucketQuotaExceeded": storage.NoSpace,
	"InsufficientStorage":            storage.NoSpace,
	"StorageFull":                    storage.NoSpace,
	"ServiceQuotaExceeded":           storage.NoSpace,

	"SlowDown":       nil, // unavailable, with the server's own Retry-After
	"RequestTimeout": nil,
	"InternalError":  nil,
	// What we sent was verified first: it changed on the way.
	"BadDigest":                 nil,
	"XAmzContentSHA256Mismatch": nil,
	"IncompleteBody":            nil,
	// See collisions.
	"OperationAborted":          nil,
	"ExistingObjectIsDirectory": nil,
}

// collisions are the codes, all with status 409, that say that two requests at the
// same time got in each other's way: asked again, the request succeeds. Of a create-only
// write that lost against another, exists knows more. versitygw says
// ExistingObjectIsDirectory also where a delete took away the emptied parent folder
// in which a put was going to place its object; our keys are never folders.
func collisions() map[string]struct{} {
	return map[string]struct{}{"OperationAborted": {}, "ExistingObjectIsDirectory": {}}
}

func misconfigured(err error) error { return storage.Refused(storage.CodeMisconfigured, err) }
func denied(err error) error        { return storage.Refused(storage.CodeDenied, err) }

// fail gives an error of the SDK its kind. d is "" where no blob is meant.
func fail(ctx context.Context, d pack.Digest, err error) error {
	var known *pack.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return storage.Cancelled(errors.Join(ctx.Err(), err))
	case errors.As(err, &known):
		return err
	}
	status, after := response(err)
	code := errorCode(err)
	if d != "" && (code == "NoSuchKey" || code == "NotFound") {
		return storage.NotFound(d, err)
	}
	if kind, ok := codeKinds[code]; ok {
		if kind == nil {
			return storage.Unavailable(err, after)
		}
		return kind(err)
	}
	switch {
	case status == http.StatusInsufficientStorage:
		return storage.NoSpace(err)
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return storage.Unavailable(err, after)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return denied(err)
	case status == http.StatusNotFound || status/100 == 3:
		return misconfigured(err)
	case status == 0:
		// No answer at all: the network, or no credentials could be had.
		return storage.Unavailable(err, 0)
	}
	return pack.Wrap(pack.KindInternal, err, "the store refused a request of this server; the server's log says why")
}

// errorCode is the word in S3's answer; "" when there was none.
func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// response gives the status of the answer, 0 for none, and its Retry-After.
func response(err error) (status int, after time.Duration) {
	var re *smithyhttp.ResponseError
	if !errors.As(err, &re) || re.Response == nil {
		return 0, 0
	}
	if s, err := strconv.Atoi(re.Response.Header.Get("Retry-After")); err == nil && s > 0 {
		after = min(time.Duration(s)*time.Second, 10*time.Minute)
	}
	return re.HTTPStatusCode(), after
}

// exists tells whether a create-only write was refused because the object is
// there, or because another such write was going on.
func exists(err error) bool {
	code := errorCode(err)
	status, _ := response(err)
	return code == "PreconditionFailed" || code == "ConditionalRequestConflict" || status == http.StatusPreconditionFailed
}

// notImplemented tells whether the server does not know something we asked for.
func notImplemented(err error) bool {
	code := errorCode(err)
	status, _ := response(err)
	return code == "NotImplemented" || code == "XNotImplemented" || status == http.StatusNotImplemented
}
