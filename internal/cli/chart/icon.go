package chart

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"strings"
	"time"
)

const (
	maxIcon  = 4 << 20 // bytes
	iconWait = 15 * time.Second
)

// IconBytes gives the picture that the chart names, a data: or https: URL; nil when it names none that can be had. An icon is worth
// no failure, so the error is for telling only.
func (s Source) IconBytes(ctx context.Context, c *Chart) ([]byte, error) {
	icon := string(c.Icon)
	if data, ok := strings.CutPrefix(icon, "data:"); ok {
		kind, content, _ := strings.Cut(data, ",")
		if !strings.HasSuffix(kind, ";base64") || len(content) > 2*maxIcon {
			return nil, errors.New("the icon inside the chart is no picture")
		}
		return base64.StdEncoding.DecodeString(strings.TrimSpace(content))
	}
	if !strings.HasPrefix(icon, "https://") {
		return nil, nil
	}
	u, err := url.Parse(icon)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, iconWait)
	defer cancel()
	s.PlainHTTP = false
	body, err := s.get(ctx, u)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxIcon+1))
	if err == nil && len(b) > maxIcon {
		return nil, errors.New("the chart's icon is larger than 4 MiB")
	}
	return b, err
}
