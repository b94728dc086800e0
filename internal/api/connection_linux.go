package api

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// tunable says that the rest of this file does something.
const tunable = true

// unsentBytes is how much of a file may wait in the kernel that could not be sent yet (TCP_NOTSENT_LOWAT). What is on its way is not
// counted, so a long line is as fast as without. Pieces as small as these are in the processor's cache still when they
// are sent, which makes a download faster (bench/findings.md); and a slow client holds kilobytes, not megabytes.
const unsentBytes = 32 << 10

func limitUnsent(fd uintptr) { set(fd, unix.TCP_NOTSENT_LOWAT, unsentBytes) }

func cork(fd uintptr)   { set(fd, unix.TCP_CORK, 1) }
func uncork(fd uintptr) { set(fd, unix.TCP_CORK, 0) }

func set(fd uintptr, option, value int) {
	_ = syscall.SetsockoptInt(int(fd), unix.IPPROTO_TCP, option, value)
}
