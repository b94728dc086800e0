package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"testing"
)

// The ports that freePort gives. Systems take those of connections, and of listeners that ask for port 0,
// from above (Linux from 32768, others from 49152): a port from there may be gone again before the
// server that is meant to have it listens, while many tests connect and listen.
const (
	firstPort = 10_000
	endPort   = 32_000
)

// FreeAddr is an address of the loopback interface on which nobody listens, for a server that cannot say itself
// where it listens when it is told port 0.
func FreeAddr(t testing.TB) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// freePort is a TCP port of the loopback interface on which nobody listens.
func freePort() (int, error) {
	var last error
	for range 1000 {
		port := firstPort + rand.N(endPort-firstPort)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		if last = err; !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			break
		}
	}
	return 0, fmt.Errorf("no port is free: %w", last)
}
