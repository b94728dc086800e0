package client

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"packregistry/internal/pack"
)

// jsonRequest makes a request with a JSON body.
func jsonRequest(method, path string, v any) (*request, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, pack.Wrap(pack.KindInternal, err, "the request cannot be written")
	}
	return &request{
		method: method, path: path, header: http.Header{"Content-Type": {"application/json"}}, size: int64(len(text)),
		body: func() (io.Reader, error) { return bytes.NewReader(text), nil },
	}, nil
}
