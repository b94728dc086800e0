package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The account of every server that has one.
const (
	user     = "admin"
	password = "a-password-for-the-bench"
)

// startLimit is how long a server may take to its first answer.
const startLimit = time.Minute

// server is a running process that answers HTTP.
type server struct {
	name   string // of the program, as /proc has it
	url    string
	pid    int
	ready  time.Duration // from exec to the first answer
	header http.Header   // of every request: the credentials, if it has any
	log    string
	debug  string // address of profiles, "" for none

	cmd    *exec.Cmd
	exited chan struct{}
	after  []func() // what goes with it, the last one first
}

// command is how a server is started.
type command struct {
	path   string
	args   []string
	env    []string
	dir    string // for its log
	addr   string
	ready  string // path of the first answer
	header http.Header
}

// start starts a server and waits for its first answer, which is any but a 5xx.
func start(ctx context.Context, c command) (*server, error) {
	s := &server{name: filepath.Base(c.path), url: "http://" + c.addr, header: c.header, log: filepath.Join(c.dir, filepath.Base(c.path)+".log"), exited: make(chan struct{})}
	if len(s.name) > 15 { // as the kernel keeps it
		s.name = s.name[:15]
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(c.path, c.args...)
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = append(plainEnviron(), c.env...), log, log
	// It ends with this process, however that comes about.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.pid = s.cmd.Process.Pid
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait() // how it ended is told by its log
	}()
	for {
		status, err := firstAnswer(ctx, c.addr, c.ready)
		if err == nil && status < 500 {
			s.ready = time.Since(begin)
			return s, nil
		}
		select {
		case <-s.exited:
			return nil, fmt.Errorf("%s ended at once:\n%s", s.name, s.tail())
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), s.stop())
		case <-time.After(time.Millisecond):
		}
		if time.Since(begin) > startLimit {
			return nil, errors.Join(fmt.Errorf("%s does not answer: %v\n%s", s.name, err, s.tail()), s.stop())
		}
	}
}

// firstAnswer asks with a connection of its own, which costs the server the least.
func firstAnswer(ctx context.Context, addr, path string) (status int, err error) {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, addr); err != nil {
		return 0, err
	}
	var line [12]byte
	if _, err := conn.Read(line[:]); err != nil {
		return 0, err
	}
	_, err = fmt.Sscanf(string(line[:]), "HTTP/1.1 %d", &status)
	return status, err
}

// stop ends the server and what goes with it.
func (s *server) stop() error {
	var err error
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-s.exited:
	case <-time.After(40 * time.Second):
		err = fmt.Errorf("%s does not end:\n%s", s.name, s.tail())
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	for i := len(s.after) - 1; i >= 0; i-- {
		s.after[i]()
	}
	s.after = nil
	return err
}

// tail is the end of its log.
func (s *server) tail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// plainEnviron is the environment without settings that a server could take for its own.
func plainEnviron() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "REGISTRY_") && !strings.HasPrefix(kv, "GOMEMLIMIT=") && !strings.HasPrefix(kv, "GOGC=") && !strings.HasPrefix(kv, "GODEBUG=") {
			env = append(env, kv)
		}
	}
	return env
}

// freeAddr is a loopback address on which nobody listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// run runs a program to its end and gives its output.
func run(ctx context.Context, env []string, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(plainEnviron(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(path), strings.Join(args, " "), err, out[max(0, len(out)-2000):])
	}
	return string(out), nil
}
