package api

import (
	"context"
	"net"
	"syscall"
)

// WithConnection is for http.Server.ConnContext: it lets the face hold back the header of an answer until the
// beginning of a file is there, so that both go out, and wake the client, once. Without it, and with TLS, they go one after
// the other.
func WithConnection(ctx context.Context, conn net.Conn) context.Context {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return ctx
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, corkKey{}, newCork(raw))
}

type corkKey struct{}

// cork holds back what would not fill a packet. One that is nil holds nothing back.
type cork struct {
	raw             syscall.RawConn
	inserted, drawn func(fd uintptr)
}

func corkOf(ctx context.Context) *cork {
	c, _ := ctx.Value(corkKey{}).(*cork)
	return c
}

// insert begins to hold back. That it fails, as the rest here, would only cost time: nothing is held back for longer than
// 200 ms (tcp(7)), and a broken connection is seen by whoever writes.
func (c *cork) insert() {
	if c != nil {
		_ = c.raw.Control(c.inserted)
	}
}

// draw lets everything go.
func (c *cork) draw() {
	if c != nil {
		_ = c.raw.Control(c.drawn)
	}
}
