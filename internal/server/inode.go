package server

import (
	"os"
	"syscall"
)

// inode tells a file from one renamed over it within a tick of the clock.
func inode(fi os.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
