//go:build !unix

package testenv

import "syscall"

// attributes has nothing to say: services run on Unix only, and a test that needs none is to compile elsewhere.
func (c *credential) attributes() *syscall.SysProcAttr { return nil }
