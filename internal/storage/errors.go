package storage

import (
	"errors"
	"io/fs"
	"syscall"
	"time"

	"packregistry/internal/pack"
)

// Codes of storage errors, finer than their kind. Both are KindUnavailable: reads
// and writes may work again once an admin has acted, and clients should come back.
const (
	CodeDenied        = "storage_denied"        // the store refuses this server's credentials or permissions
	CodeMisconfigured = "storage_misconfigured" // a bucket, region or directory that is not there
	CodeCancelled     = "cancelled"             // the context ended first
)

// How long a client should wait: for a store that is busy or down, and for one
// that needs an admin first.
const (
	retrySoon  = 5 * time.Second
	retryLater = time.Minute
)

// NotFound is the error for a blob that is not there. err may be nil.
func NotFound(d pack.Digest, err error) error {
	return pack.Wrap(pack.KindNotFound, err, "there is no blob %s", d)
}

// Corrupt is the error for bytes that do not hash to their name. err may be nil.
func Corrupt(d pack.Digest, err error) error {
	return pack.Wrap(pack.KindCorrupt, err, "the content of blob %s does not match its digest", d)
}

// Unavailable is the error for a store that may answer later; after is what the
// store itself asked for, or 0.
func Unavailable(err error, after time.Duration) error {
	if after <= 0 {
		after = retrySoon
	}
	return &pack.Error{
		Kind: pack.KindUnavailable, Code: "storage_unavailable", RetryAfter: after, Err: err,
		Message: "the store does not answer now; try again later",
	}
}

// Refused is the error for a store that this server may not use as configured.
// Code is CodeDenied or CodeMisconfigured; the cause is for the admin's log.
func Refused(code string, err error) error {
	return &pack.Error{
		Kind: pack.KindUnavailable, Code: code, RetryAfter: retryLater, Err: err,
		Message: "the store cannot be used as it is configured; the server's log says why",
	}
}

// NoSpace is the error for a full disk or quota.
func NoSpace(err error) error {
	return pack.Wrap(pack.KindNoSpace, err, "the store is full")
}

// Cancelled is the error for a context that ended; err is its Err().
func Cancelled(err error) error {
	return &pack.Error{
		Kind: pack.KindUnavailable, Code: CodeCancelled, RetryAfter: retrySoon, Err: err,
		Message: "the request was cancelled or took too long",
	}
}

// DiskError gives an error of the operating system its kind. An error that has
// one already stays as it is; nil stays nil.
func DiskError(err error) error {
	var known *pack.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return NoSpace(err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return Refused(CodeDenied, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return Refused(CodeMisconfigured, err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM):
		return Unavailable(err, 0)
	}
	return pack.Wrap(pack.KindInternal, err, "the server's disk reports an error")
}
