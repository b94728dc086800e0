package client

import (
	"fmt"
	"io"
)

const (
	// maxAnswer bounds one JSON answer, unpacked, in bytes. The longest that a registry gives is the list of a pack's files: with
	// 16 times as many as it takes by default they have some 200 bytes each.
	maxAnswer = 64 << 20
	// maxLine bounds one line of the catalogue, in bytes. A version without its manifest has a kilobyte, rarely ten.
	maxLine = 4 << 20
	// maxCatalogue bounds all of it: a million versions.
	maxCatalogue = 1 << 30
)

// bounded reads an answer, which a server may make as long as it likes, or small on its way and large when unpacked.
type bounded struct {
	r    io.Reader
	c    *Client
	left int64 // bytes
	most int64 // for the error
	what string
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &NetworkError{Server: b.c.o.Server, Reason: fmt.Sprintf("%s is longer than %d MiB; is this a pack registry?", b.what, b.most>>20), final: true}
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// bounded bounds an answer.
func (c *Client) bounded(r io.Reader, most int64, what string) *bounded {
	return &bounded{r: r, c: c, left: most + 1, most: most, what: what}
}
