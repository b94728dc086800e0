package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTime is how long a server may drain, and a little more.
const stopTime = 60 * time.Second

// child is a server that this process has started.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
	err   error         // how; to be read after that
}

// childPID is the server's that an earlier run has started, 0 when it runs no more. A number that is
// another program's by now is told by its command line.
func (s *setup) childPID() (int, error) {
	text, err := os.ReadFile(s.pid())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 2 {
		return 0, nil
	}
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return 0, nil
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err == nil && !bytes.Contains(line, []byte("\x00serve\x00"+s.config()+"\x00")) {
		return 0, nil
	}
	return pid, nil
}

// startChild starts the server; its log goes to a file, or with Foreground to this process's standard error.
func (s *setup) startChild() error {
	cmd := exec.Command(s.Program, "serve", s.config())
	cmd.Dir, cmd.Env = s.at(), s.Environ
	cmd.SysProcAttr = s.owner.attributes()
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if !s.Foreground {
		log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return err
		}
		defer func() { _ = log.Close() }() // the server has its own handle
		cmd.Stdout, cmd.Stderr = log, log
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.server = &child{cmd: cmd, ended: make(chan struct{})}
	go func() {
		s.server.err = cmd.Wait()
		close(s.server.ended)
	}()
	return file{path: s.pid(), data: []byte(strconv.Itoa(cmd.Process.Pid) + "\n"), mode: 0o644}.write(owner{})
}

// stopChild ends the server of an earlier run, and waits for it.
func (s *setup) stopChild(ctx context.Context) error {
	pid, err := s.childPID()
	if pid == 0 || err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, stopTime)
	defer stop()
	for {
		if pid, err := s.childPID(); pid == 0 || err != nil {
			return err
		}
		if !pause(ctx, 50*time.Millisecond) {
			return fmt.Errorf("the server (process %d) does not end: %w", pid, ctx.Err())
		}
	}
}

// pause reports whether the time passed before the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// stay keeps the server in the foreground until the context or the server ends.
func (s *setup) stay(ctx context.Context) error {
	if !s.Foreground || s.server == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return s.endForeground()
	case <-s.server.ended:
		return fmt.Errorf("the server has ended: %w", s.server.err)
	}
}

// endForeground ends a server that shall not outlive this process.
func (s *setup) endForeground() error {
	if !s.Foreground || s.server == nil {
		return nil
	}
	if err := s.server.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.server.ended
	return errors.Join(s.server.err, remove(s.pid()))
}
