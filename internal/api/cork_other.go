//go:build !linux

package api

import "syscall"

func newCork(syscall.RawConn) *cork { return nil }
