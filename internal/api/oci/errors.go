package oci

import (
	"encoding/json"
	"net/http"

	"packregistry/internal/pack"
)

// row says how a failure is told: the code of the spec (section Error Codes) and a status.
type row struct {
	code   string
	status int
}

// byCode is the one table from our codes to the spec's.
func byCode() map[string]row {
	return map[string]row{
		"blob_unknown":          {"BLOB_UNKNOWN", http.StatusNotFound},
		"blob_not_found":        {"BLOB_UNKNOWN", http.StatusNotFound},
		"blob_in_use":           {"DENIED", http.StatusConflict},
		"blob_upload_unknown":   {"BLOB_UPLOAD_UNKNOWN", http.StatusNotFound},
		"upload_unknown":        {"BLOB_UPLOAD_UNKNOWN", http.StatusNotFound},
		"blob_upload_invalid":   {"BLOB_UPLOAD_INVALID", http.StatusBadRequest},
		"upload_incomplete":     {"BLOB_UPLOAD_INVALID", http.StatusBadRequest},
		"too_slow":              {"BLOB_UPLOAD_INVALID", http.StatusRequestTimeout},
		"range_invalid":         {"BLOB_UPLOAD_INVALID", http.StatusRequestedRangeNotSatisfiable},
		"offset_mismatch":       {"BLOB_UPLOAD_INVALID", http.StatusRequestedRangeNotSatisfiable},
		"digest_invalid":        {"DIGEST_INVALID", http.StatusBadRequest},
		"manifest_blob_unknown": {"MANIFEST_BLOB_UNKNOWN", http.StatusBadRequest},
		"manifest_invalid":      {"MANIFEST_INVALID", http.StatusBadRequest},
		"tag_invalid":           {"MANIFEST_INVALID", http.StatusBadRequest},
		"manifest_unknown":      {"MANIFEST_UNKNOWN", http.StatusNotFound},
		"version_not_found":     {"MANIFEST_UNKNOWN", http.StatusNotFound},
		"name_invalid":          {"NAME_INVALID", http.StatusBadRequest},
		"namespace_invalid":     {"NAME_INVALID", http.StatusBadRequest},
		"name_unknown":          {"NAME_UNKNOWN", http.StatusNotFound},
		"pack_not_found":        {"NAME_UNKNOWN", http.StatusNotFound},
		"size_invalid":          {"SIZE_INVALID", http.StatusBadRequest},
		"version_exists":        {"DENIED", http.StatusForbidden},
		"page_invalid":          {"PAGINATION_NUMBER_INVALID", http.StatusBadRequest},
		"method_not_allowed":    {"UNSUPPORTED", http.StatusMethodNotAllowed},
	}
}

// byStatus is for codes without a row: the status that the kind of the error has.
func byStatus() map[int]row {
	return map[int]row{
		http.StatusUnauthorized:                 {"UNAUTHORIZED", http.StatusUnauthorized},
		http.StatusForbidden:                    {"DENIED", http.StatusForbidden},
		http.StatusMethodNotAllowed:             {"UNSUPPORTED", http.StatusMethodNotAllowed},
		http.StatusConflict:                     {"DENIED", http.StatusConflict},
		http.StatusUnsupportedMediaType:         {"MANIFEST_INVALID", http.StatusBadRequest},
		http.StatusUnprocessableEntity:          {"MANIFEST_INVALID", http.StatusBadRequest},
		http.StatusRequestEntityTooLarge:        {"SIZE_INVALID", http.StatusRequestEntityTooLarge},
		http.StatusRequestedRangeNotSatisfiable: {"BLOB_UPLOAD_INVALID", http.StatusRequestedRangeNotSatisfiable},
		http.StatusTooManyRequests:              {"TOOMANYREQUESTS", http.StatusTooManyRequests},
		http.StatusServiceUnavailable:           {"UNAVAILABLE", http.StatusServiceUnavailable},
		http.StatusInsufficientStorage:          {"UNAVAILABLE", http.StatusInsufficientStorage},
	}
}

// Failure is what is known of a failure before it is put into the spec's words.
type Failure struct {
	Code     string // ours
	Status   int    // of the error's kind
	Message  string
	Findings []pack.Finding // of a bad pack
	Limit    int64          // of what is too large, in bytes
}

// Error gives status and body of a failure (spec, Error Codes): {"errors":[{"code","message","detail"}]}. A bad pack's findings are in
// detail.findings, a limit in detail.limit.
func Error(f Failure) (status int, body []byte, err error) {
	r, ok := byCode()[f.Code]
	if !ok || len(f.Findings) > 0 {
		// Findings make it a manifest that does not hold, whatever its code.
		if r, ok = byStatus()[f.Status]; !ok {
			r = row{"UNKNOWN", f.Status}
		}
	}
	type detail struct {
		Findings []pack.Finding `json:"findings,omitempty"`
		Limit    int64          `json:"limit,omitempty"`
	}
	type item struct {
		Code    string  `json:"code"`
		Message string  `json:"message"`
		Detail  *detail `json:"detail,omitempty"`
	}
	e := item{Code: r.code, Message: f.Message}
	if len(f.Findings) > 0 || f.Limit > 0 {
		e.Detail = &detail{f.Findings, f.Limit}
	}
	body, err = json.Marshal(map[string][]item{"errors": {e}})
	return r.status, body, err
}
