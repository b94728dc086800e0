package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// sample is one load on one server, measured.
type sample struct {
	unit     string
	rate     float64 // operations a second
	cpu      float64 // milliseconds of the server's process tree for an operation
	services float64 // and of its database and store
	p99      float64 // milliseconds; where the client is ours
	others   float64 // part of the machine that others had
	value    float64 // for what is no rate
}

// measure runs a load for a time and says what it cost the server. f gives the number of operations.
func (b *bench) measure(s *server, seconds float64, f func() (int, error)) (sample, error) {
	var n int
	var took time.Duration
	profiled := b.profile(s, seconds)
	used, err := window(func() error {
		begin := time.Now()
		var err error
		n, err = f()
		took = time.Since(begin)
		return err
	})
	if perr := profiled(); err == nil && perr != nil {
		err = perr
	}
	if err != nil {
		return sample{}, err
	}
	if n == 0 {
		return sample{}, errors.New("not one operation was done")
	}
	m := sample{unit: "/s", rate: float64(n) / took.Seconds(), others: used.others}
	if s != nil {
		m.cpu = milliseconds(used.byName[s.name]) / float64(n)
	}
	m.services = milliseconds(used.byName["postgres"]+used.byName["versitygw"]) / float64(n)
	return m, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// request is what a load asks for, again and again.
type request struct {
	path   string
	header http.Header
	status int
	sha256 string // of the body; "" when it is not looked at
	// paths are what wrk asks for instead of path, in random order.
	paths []string
}

var (
	wrkRequests = regexp.MustCompile(`(?m)^\s*(\d+) requests in ([\d.]+)(ms|s|m)`)
	wrkBad      = regexp.MustCompile(`(?m)^\s*(Non-2xx or 3xx responses: \d+|Socket errors: .*)$`)
)

// wrk loads a server with one request over a number of connections. While it runs, bodies are fetched and hashed
// now and then; an answer that is not as it should be is an error.
func (b *bench) wrk(ctx context.Context, s *server, connections int, r request) (sample, error) {
	path, env, err := b.peer("wrk")
	if err != nil {
		return sample{}, err
	}
	if err := check(ctx, s, r, 3); err != nil {
		return sample{}, err
	}
	seconds := b.seconds
	warm := []string{"-t", "1", "-c", itoa(connections), "-d", "300ms"}
	args := []string{"-t", itoa(min(2, connections)), "-c", itoa(connections), "-d", fmt.Sprintf("%dms", int(seconds*1000)), "--timeout", "20s"}
	tail := []string{}
	for _, h := range []http.Header{s.header, r.header} {
		for name, values := range h {
			for _, v := range values {
				tail = append(tail, "-H", name+": "+v)
			}
		}
	}
	if len(r.paths) > 0 {
		script, err := b.wrkScript(r.paths)
		if err != nil {
			return sample{}, err
		}
		defer os.Remove(script)
		tail = append(tail, "-s", script)
	}
	tail = append(tail, s.url+r.path)
	if _, err := wrkRun(ctx, path, env, slices.Concat(warm, tail)); err != nil {
		return sample{}, err
	}
	sampling, stop := context.WithCancel(ctx)
	sampled := make(chan error, 1)
	go func() { sampled <- checkNowAndThen(sampling, s, r) }()
	m, err := b.measure(s, seconds, func() (int, error) { return wrkRun(ctx, path, env, slices.Concat(args, tail)) })
	stop()
	if serr := <-sampled; err == nil {
		err = serr
	}
	if err == nil {
		err = check(ctx, s, r, 3)
	}
	return m, err
}

// wrkScript writes a script for wrk that asks for paths in random order, which is another one in each of its threads.
func (b *bench) wrkScript(paths []string) (string, error) {
	f, err := os.CreateTemp(b.work, "wrk-*.lua")
	if err != nil {
		return "", err
	}
	quoted := make([]string, len(paths))
	for i, path := range paths {
		quoted[i] = strconv.Quote(path) // which Lua reads as Go does, for paths are ASCII
	}
	_, err = fmt.Fprintf(f, `local requests = {}
init = function()
  math.randomseed(tonumber(tostring(requests):match("0x(%%x+)"), 16))
  for i, path in ipairs({%s}) do requests[i] = wrk.format(nil, path) end
end
request = function() return requests[math.random(#requests)] end
`, strings.Join(quoted, ", "))
	return f.Name(), errors.Join(err, f.Close())
}

// wrkRun runs wrk, whose durations are whole seconds; ours are shorter, so it is interrupted, which it takes for the end.
func wrkRun(ctx context.Context, path string, env, args []string) (int, error) {
	at := slices.Index(args, "-d") + 1
	limit, err := time.ParseDuration(args[at])
	if err != nil {
		return 0, err
	}
	args = slices.Clone(args)
	args[at] = itoa(int(limit.Seconds()) + 30)
	cmd := exec.Command(path, args...)
	cmd.Env = append(plainEnviron(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	select {
	case <-time.After(limit):
	case <-ctx.Done():
	}
	_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended
	err = cmd.Wait()
	text := out.String()
	if bad := wrkBad.FindString(text); bad != "" {
		return 0, fmt.Errorf("wrk: %s", bad)
	}
	found := wrkRequests.FindStringSubmatch(text)
	if found == nil {
		return 0, errors.Join(fmt.Errorf("wrk says: %s", text), err, ctx.Err())
	}
	n, err := strconv.Atoi(found[1])
	return n, errors.Join(err, ctx.Err())
}

// client is a client of our own.
func client(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true}, Timeout: 5 * time.Minute}
}

// send makes one request and gives status, header and body.
func send(ctx context.Context, c *http.Client, s *server, method, path string, header http.Header, body []byte) (int, http.Header, []byte, error) {
	url := path
	if len(path) > 0 && path[0] == '/' {
		url = s.url + path
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	for _, h := range []http.Header{s.header, header} {
		for name, values := range h {
			req.Header[name] = values
		}
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, answer, err
}

// expect is send for what must have a status.
func expect(ctx context.Context, c *http.Client, s *server, method, path string, header http.Header, body []byte, want int) (http.Header, []byte, error) {
	status, h, answer, err := send(ctx, c, s, method, path, header, body)
	if err == nil && status != want {
		err = fmt.Errorf("%s: %s %s answered %d, not %d: %.300s", s.name, method, path, status, want, answer)
	}
	return h, answer, err
}

// check asks n times and looks at status and body.
func check(ctx context.Context, s *server, r request, n int) error {
	c := client(1)
	defer c.CloseIdleConnections()
	for range n {
		_, body, err := expect(ctx, c, s, http.MethodGet, r.path, r.header, nil, r.status)
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(body); r.sha256 != "" && hex.EncodeToString(sum[:]) != r.sha256 {
			return fmt.Errorf("%s: the %d bytes of %s are not those that were stored", s.name, len(body), r.path)
		}
	}
	return nil
}

// checkNowAndThen checks while a load runs.
func checkNowAndThen(ctx context.Context, s *server, r request) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(250 * time.Millisecond):
		}
		if err := check(ctx, s, r, 1); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// load runs operations of our own client until the time is over, or until op says errEnough.
func (b *bench) load(ctx context.Context, s *server, clients int, op func(ctx context.Context, client, i int) error) (sample, error) {
	var p99 float64
	m, err := b.measure(s, b.seconds, func() (int, error) {
		var n atomic.Int64
		var failure error
		var once sync.Once
		var all sync.WaitGroup
		times := make([][]float64, clients)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		end := time.Now().Add(time.Duration(b.seconds * float64(time.Second)))
		for c := range clients {
			all.Go(func() {
				for i := 0; ctx.Err() == nil && time.Now().Before(end); i++ {
					begin := time.Now()
					err := op(ctx, c, i)
					if errors.Is(err, errEnough) {
						return
					}
					if err != nil {
						once.Do(func() { failure = err; cancel() })
						return
					}
					times[c] = append(times[c], milliseconds(time.Since(begin)))
					n.Add(1)
				}
			})
		}
		all.Wait()
		p99 = percentile(slices.Concat(times...), 0.99)
		return int(n.Load()), failure
	})
	m.p99 = p99
	return m, err
}

// errEnough ends a client of a load that has no more to do.
var errEnough = errors.New("enough")
