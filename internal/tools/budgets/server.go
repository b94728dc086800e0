package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/bcrypt"

	"packregistry/internal/testenv"
)

const (
	user     = "admin"
	password = "a-password-for-budgets"
	embedded = "embedded"
	postgres = "Postgres + S3"
)

type bench struct {
	bin, packs, work string
	rows             []row
}

func (b *bench) add(what, where string, got, budget float64, unit string) {
	b.rows = append(b.rows, row{what, where, got, budget, unit})
	fmt.Fprintf(os.Stderr, "%s, %s: %.3g %s\n", what, where, got, unit)
}

func (b *bench) passwords() string { return filepath.Join(b.work, "htpasswd") }

// htpasswd writes a file with one line of cost 10, as htpasswd -B -C 10 would.
func (b *bench) htpasswd() error {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 10)
	if err != nil {
		return err
	}
	return os.WriteFile(b.passwords(), []byte(user+":"+string(hash)+"\n"), 0o600)
}

// server is one running process with fresh storage.
type server struct {
	url    string
	pid    int
	ready  time.Duration // from exec to the first 200 of /ready
	client *http.Client
	cmd    *exec.Cmd
}

func (b *bench) start(where string) (*server, error) {
	dir, err := os.MkdirTemp(b.work, "data-")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	env := append(os.Environ(), "REGISTRY_HTTP_ADDR="+addr, "REGISTRY_LOG_LEVEL=warn",
		"REGISTRY_AUTH_HTPASSWD_PATH="+b.passwords(), "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="+dir)
	if where == postgres {
		more, err := production()
		if err != nil {
			return nil, err
		}
		env = append(env, more...)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &server{
		url:    "http://" + addr,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		cmd:    exec.Command(b.bin, "serve"),
	}
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = env, log, log
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.pid = s.cmd.Process.Pid
	for time.Since(begin) < time.Minute {
		resp, err := s.client.Get(s.url + "/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				s.ready = time.Since(begin)
				return s, nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	out, _ := os.ReadFile(log.Name())
	return nil, errors.Join(fmt.Errorf("the server was not ready in a minute: %s", out), s.stop())
}

func (s *server) stop() error {
	s.client.CloseIdleConnections()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// production makes an empty database and an empty bucket and names them as settings.
func production() ([]string, error) {
	ctx := context.Background()
	admin, endpoint := os.Getenv("REGISTRY_TEST_POSTGRES_URL"), os.Getenv("REGISTRY_TEST_S3_ENDPOINT")
	if admin == "" || endpoint == "" {
		return nil, errors.New("no Postgres and S3 in the environment: run this under internal/tools/testservices")
	}
	var id [6]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	name := "budgets" + hex.EncodeToString(id[:])
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, err
	}
	cfg := conn.Config().Copy()
	url := fmt.Sprintf("postgres://%s:%s@%s/%s", cfg.User, cfg.Password, net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))), name)
	if strings.HasPrefix(cfg.Host, "/") {
		url = fmt.Sprintf("postgres://%s:%s@/%s?host=%s&port=%d", cfg.User, cfg.Password, name, cfg.Host, cfg.Port)
	}
	key, secret := os.Getenv("REGISTRY_TEST_S3_ACCESS_KEY"), os.Getenv("REGISTRY_TEST_S3_SECRET_KEY")
	e := testenv.Endpoint{URL: endpoint, Region: "us-east-1", AccessKey: key, SecretKey: secret}
	if err := testenv.MakeBucket(ctx, e, name); err != nil {
		return nil, err
	}
	return []string{
		"REGISTRY_DATABASE_URL=" + url, "REGISTRY_STORAGE=s3", "REGISTRY_STORAGE_S3_ENDPOINT=" + endpoint,
		"REGISTRY_STORAGE_S3_ACCESSKEY=" + key, "REGISTRY_STORAGE_S3_SECRETKEY=" + secret,
		"REGISTRY_STORAGE_S3_REGION=us-east-1", "REGISTRY_STORAGE_S3_BUCKET=" + name, "REGISTRY_STORAGE_S3_FORCEPATHSTYLE=true",
	}, nil
}

// send makes one authenticated request and returns its status; the body is read to the end.
func (s *server) send(method, path string, body io.Reader, size int64, header http.Header) (int, http.Header, error) {
	req, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.ContentLength = size
	for k, v := range header {
		req.Header[k] = v
	}
	req.SetBasicAuth(user, password)
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header, err
}

// cpu is the user and system time the process has used. Linux counts it in ticks of 1/100 s.
func (s *server) cpu() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+2:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// peak is the largest resident set since start or resetPeak, in MiB.
func (s *server) peak() (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("no VmHWM in /proc")
}

// resetPeak forgets the peak (proc(5), clear_refs).
func (s *server) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid), []byte("5"), 0o600)
}
