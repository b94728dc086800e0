package oci

import (
	"strings"
	"testing"

	"packregistry/internal/pack"
)

func TestError(t *testing.T) {
	for _, c := range []struct {
		in     Failure
		status int
		body   string
	}{
		{Failure{Code: "blob_unknown", Status: 404, Message: "no"}, 404, `{"errors":[{"code":"BLOB_UNKNOWN","message":"no"}]}`},
		{Failure{Code: "range_invalid", Status: 409, Message: "no"}, 416, `{"errors":[{"code":"BLOB_UPLOAD_INVALID","message":"no"}]}`},
		{Failure{Code: "credentials_required", Status: 401, Message: "who"}, 401, `{"errors":[{"code":"UNAUTHORIZED","message":"who"}]}`},
		{Failure{Code: "role_too_low", Status: 403, Message: "no"}, 403, `{"errors":[{"code":"DENIED","message":"no"}]}`},
		{Failure{Code: "body_too_large", Status: 413, Message: "no", Limit: 7}, 413, `{"errors":[{"code":"SIZE_INVALID","message":"no","detail":{"limit":7}}]}`},
		{Failure{Code: "too_many_uploads", Status: 429, Message: "wait"}, 429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"wait"}]}`},
		{Failure{Code: "internal", Status: 500, Message: "failed"}, 500, `{"errors":[{"code":"UNKNOWN","message":"failed"}]}`},
		{
			Failure{Code: "pack_invalid", Status: 422, Message: "bad", Findings: []pack.Finding{{Rule: "values-missing", Severity: pack.SeverityError, Message: "none"}}},
			400,
			`{"errors":[{"code":"MANIFEST_INVALID","message":"bad","detail":{"findings":[{"rule":"values-missing","severity":"error","message":"none"}]}}]}`,
		},
	} {
		status, body, err := Error(c.in)
		if err != nil || status != c.status || string(body) != c.body {
			t.Errorf("%+v: %d %s %v\nwant %d %s", c.in, status, body, err, c.status, c.body)
		}
	}
}

// TestErrorCodes: codes are upper-case letters and underscores (spec, Error Codes), statuses are errors.
func TestErrorCodes(t *testing.T) {
	check := func(r row) {
		if strings.Trim(r.code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" || r.status < 400 || r.status > 599 {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range byCode() {
		check(r)
	}
	for _, r := range byStatus() {
		check(r)
	}
}
