package api

import (
	"context"
	"net"
	"syscall"
)

// WithConnection is for http.Server.ConnContext: it lets the face say how the kernel is to send a file. Without it, and with
// TLS, whose records pass through this process, the kernel decides.
func WithConnection(ctx context.Context, conn net.Conn) context.Context {
	tcp, ok := conn.(*net.TCPConn)
	if !ok || !tunable {
		return ctx
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, connectionKey{}, &connection{raw: raw})
}

type connectionKey struct{}

// connection is a TCP connection, which has one answer at a time. One that is nil sends as it likes. That a setting fails would only
// cost time, and a broken connection is seen by whoever writes.
type connection struct{ raw syscall.RawConn }

func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// short prepares for a header and a file that are a packet or two: they are held back until both are there, so that both go
// out, and wake the client, once. No longer than 200 ms, though (tcp(7)). The caller calls sent.
func (c *connection) short() {
	if c != nil {
		_ = c.raw.Control(cork)
	}
}

// sent lets everything go.
func (c *connection) sent() {
	if c != nil {
		_ = c.raw.Control(uncork)
	}
}

// long prepares for a file that is more than that: little of it waits in the kernel. It holds for what comes later too, of which what
// fits into a packet is not cut.
func (c *connection) long() {
	if c != nil {
		_ = c.raw.Control(limitUnsent)
	}
}
