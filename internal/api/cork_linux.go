package api

import "syscall"

// newCork is TCP_CORK of tcp(7).
func newCork(raw syscall.RawConn) *cork {
	set := func(value int) func(uintptr) {
		return func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK, value) }
	}
	return &cork{raw: raw, inserted: set(1), drawn: set(0)}
}
