package appliance

import "syscall"

// attributes let the server listen below 1024 as its own account.
func (o owner) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true}
	if o.known {
		const capNetBindService = 10 // capability.h
		a.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
		a.AmbientCaps = []uintptr{capNetBindService}
	}
	return a
}
