package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"packregistry/internal/pack"
)

// Catalogue streams all versions of the namespace ("*" is all of them) as of one instant, in no order, each without manifest and
// warnings and with its hand-set tags only. It returns the cursor of that instant. An error of fn ends it and is
// returned as it is.
func (c *Client) Catalogue(ctx context.Context, fn func(*pack.Version) error) (cursor string, err error) {
	resp, err := c.do(ctx, &request{method: http.MethodGet, path: "/sync/catalog"})
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	line := c.bounded(bufio.NewReader(c.bounded(resp.Body, maxCatalogue, "its catalogue")), maxLine, "a line of its catalogue")
	lines := json.NewDecoder(line)
	for {
		line.left = maxLine + 1
		var told struct {
			pack.Version
			Cursor string `json:"cursor"`
		}
		err := lines.Decode(&told)
		switch {
		case errors.Is(err, io.EOF):
			return "", c.broken(ctx, io.ErrUnexpectedEOF) // the last line has the cursor
		case errors.As(err, new(*json.SyntaxError)), errors.As(err, new(*json.UnmarshalTypeError)):
			return "", c.stranger("its catalogue is no list of packs")
		case err != nil:
			return "", c.broken(ctx, err)
		case told.Cursor != "":
			return told.Cursor, nil
		}
		if err := fn(&told.Version); err != nil {
			return "", err
		}
	}
}
