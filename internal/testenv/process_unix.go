//go:build unix

package testenv

import "syscall"

// attributes also puts the service into a process group of its own, so that an
// interrupt typed at the terminal ends it through its supervisor only.
func (c *credential) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if c != nil {
		attr.Credential = &syscall.Credential{Uid: c.uid, Gid: c.gid}
	}
	return attr
}
