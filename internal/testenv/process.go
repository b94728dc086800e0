package testenv

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// credential is another user to run a service as; nil is this one.
type credential struct{ uid, gid uint32 }

// ownDir makes a directory, if it is not there, that belongs to the user. Those above
// it are made so that the user may pass.
func (c *credential) ownDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return c.own(dir)
}

// own makes what is there belong to the user.
func (c *credential) own(path string) error {
	if c == nil {
		return nil
	}
	return os.Chown(path, int(c.uid), int(c.gid))
}

// supervision says how a service is kept.
type supervision struct {
	cred   *credential
	log    string // file for its output
	signal string // name of the signal that ends it
	remove string // directory that goes with it; "" for none
}

// process is a running service.
type process struct {
	stop func()        // ends it and waits; may be called again
	done chan struct{} // closed when it has ended
}

// supervisor runs a service and ends it when its own standard input ends. That
// happens by itself when the process that holds the other end is gone, also by a
// panic or kill -9, and on every Unix.
const supervisor = `
signal=$1 remove=$2; shift 2
exec 3<&0
"$@" 3<&- </dev/null & pid=$!
(read -r _ <&3; kill -s "$signal" "$pid") & watcher=$!
exec 3<&-
wait "$pid"
kill "$watcher" 2>/dev/null
[ -z "$remove" ] || rm -rf "$remove"
`

// start runs the service.
func (s supervision) start(args []string) (*process, error) {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the service has its own handle
	cmd := exec.Command("/bin/sh", append([]string{"-c", supervisor, "sh", s.signal, s.remove}, args...)...)
	cmd.SysProcAttr = s.cred.attributes()
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how a service ended that was told to end is of no interest
	}()
	p.stop = func() {
		_ = lifeline.Close() // may be closed already
		<-p.done
	}
	return p, nil
}
