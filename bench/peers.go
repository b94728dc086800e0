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
	"strconv"
	"strings"
)

// errMissing says that a peer is not on this machine: its rows are skipped.
var errMissing = errors.New("is not on this machine")

// peer finds a program, below .tools/peers or on this machine, and the environment it needs.
func (b *bench) peer(name string) (path string, env []string, err error) {
	root := filepath.Join(b.tools, "peers")
	for _, dir := range []string{"usr/bin", "usr/sbin"} {
		path = filepath.Join(root, dir, name)
		if fi, err := os.Stat(path); err == nil && fi.Mode()&0o111 != 0 {
			libs, _ := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu")) // the pattern is right
			return path, []string{"LD_LIBRARY_PATH=" + strings.Join(libs, ":")}, nil
		}
	}
	if path, err = exec.LookPath(name); err == nil {
		return path, nil, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, err = exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil, nil
		}
	}
	return "", nil, fmt.Errorf("%s %w", name, errMissing)
}

// startDocker starts Debian's docker-registry on a folder; cost 0 is without authentication.
func (b *bench) startDocker(ctx context.Context, dir string, cost int) (*server, error) {
	path, env, err := b.peer("docker-registry")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	auth, header := "", http.Header{}
	if cost > 0 {
		accounts, err := b.htpasswd(cost)
		if err != nil {
			return nil, err
		}
		auth, header = fmt.Sprintf("auth:\n  htpasswd:\n    realm: bench\n    path: %s\n", accounts), basic()
	}
	config := fmt.Sprintf(`version: 0.1
log:
  level: error
  accesslog: {disabled: true}
storage:
  filesystem: {rootdirectory: %s}
  maintenance:
    uploadpurging: {enabled: false}
http:
  addr: %s
  secret: bench
%s`, dir, addr, auth)
	at, err := b.fresh("docker")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(at, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	s, err := start(ctx, command{path: path, args: []string{"serve", file}, env: env, dir: at, addr: addr, ready: "/v2/", header: header})
	if err != nil {
		return nil, err
	}
	s.after = append(s.after, func() { _ = os.RemoveAll(at) })
	return s, nil
}

// startNginx serves a folder with nginx, with sendfile.
func (b *bench) startNginx(ctx context.Context, dir string) (*server, error) {
	path, env, err := b.peer("nginx")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	at, err := b.fresh("nginx")
	if err != nil {
		return nil, err
	}
	runAs := ""
	if os.Geteuid() == 0 {
		runAs = "user root;"
	}
	config := fmt.Sprintf(`%s
worker_processes auto;
daemon off;
pid %[2]s/pid;
error_log %[2]s/error.log warn;
events { worker_connections 2048; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  default_type application/octet-stream;
  client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
  server { listen %[3]s; root %[4]s; }
}
`, runAs, at, addr, dir)
	file := filepath.Join(at, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	s, err := start(ctx, command{path: path, args: []string{"-e", filepath.Join(at, "error.log"), "-c", file}, env: env, dir: at, addr: addr, ready: "/"})
	if err != nil {
		return nil, err
	}
	s.after = append(s.after, func() { _ = os.RemoveAll(at) })
	return s, nil
}

// fileServerName is the program's name when it is the bare file server, so that /proc tells them apart.
const fileServerName = "gofileserver"

// startFileServer serves a folder with net/http and nothing around it.
func (b *bench) startFileServer(ctx context.Context, dir string) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	at, err := b.fresh("files")
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, command{path: b.fileServer, args: []string{dir, addr}, dir: at, addr: addr, ready: "/"})
	if err != nil {
		return nil, err
	}
	s.after = append(s.after, func() { _ = os.RemoveAll(at) })
	return s, nil
}

// serveFiles is the bare Go file server.
func serveFiles(dir, addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return http.Serve(l, http.FileServer(http.Dir(dir)))
}

// versions lists what takes part.
func (b *bench) versions(ctx context.Context) []Program {
	list := []Program{}
	add := func(name, path string, env []string, err error, args ...string) {
		if err != nil {
			list = append(list, Program{name, "not here"})
			return
		}
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Env = append(plainEnviron(), env...)
		out, _ := cmd.CombinedOutput() // wrk ends with 1 after telling
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		line = strings.TrimPrefix(line, path+" ") // docker-registry says where it lies
		list = append(list, Program{name, line})
	}
	add("registry", b.registry, nil, nil, "version")
	for _, p := range []struct{ name, flag string }{{"docker-registry", "--version"}, {"nginx", "-v"}, {"wrk", "-v"}} {
		path, env, err := b.peer(p.name)
		add(p.name, path, env, err, p.flag)
	}
	if bin, err := exec.LookPath("pg_config"); err == nil {
		add("Postgres", bin, nil, nil, "--version")
	}
	add("versitygw", filepath.Join(b.tools, "bin", "versitygw"), nil, nil, "--version")
	return list
}

func itoa(n int) string { return strconv.Itoa(n) }
