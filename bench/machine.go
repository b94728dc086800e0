package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc: Linux has shown 1/100 s to programs since ever.
const tick = 10 * time.Millisecond

// process is a line of /proc/PID/stat.
type process struct {
	pid, parent int
	name        string
	// own is user and system time; all is with that of children that have ended.
	own, all time.Duration
}

// processes lists all there are now.
func processes() (map[int]process, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	list := make(map[int]process, len(dirs))
	for _, dir := range dirs {
		text, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // it has ended
		}
		p, err := parseStat(string(text))
		if err != nil {
			return nil, err
		}
		list[p.pid] = p
	}
	if len(list) == 0 {
		return nil, errors.New("nothing in /proc: this program needs Linux")
	}
	return list, nil
}

func parseStat(text string) (process, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("not a process: %q", text)
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 15 {
		return process{}, fmt.Errorf("not a process: %q", text)
	}
	var p process
	var err error
	if p.pid, err = strconv.Atoi(strings.TrimSpace(text[:open])); err != nil {
		return p, err
	}
	p.name = text[open+1 : end]
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return p, err
	}
	var times [4]time.Duration
	for i := range times {
		n, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return p, err
		}
		times[i] = time.Duration(n) * tick
	}
	p.own = times[0] + times[1]
	p.all = p.own + times[2] + times[3]
	return p, nil
}

// usage is CPU time used so far.
type usage struct {
	at     time.Time
	busy   time.Duration            // of the machine, without interrupts
	ours   time.Duration            // of this process and all it has started
	kernel time.Duration            // of kernel threads, which write for everybody
	byName map[string]time.Duration // of what this process has started
}

func readUsage() (usage, error) {
	u := usage{at: time.Now(), byName: map[string]time.Duration{}}
	list, err := processes()
	if err != nil {
		return u, err
	}
	self := os.Getpid()
	mine := func(p process) bool {
		for range len(list) {
			if p.pid == self {
				return true
			}
			up, ok := list[p.parent]
			if !ok {
				return false
			}
			p = up
		}
		return false
	}
	for _, p := range list {
		switch {
		case p.pid == 2 || p.parent == 2:
			u.kernel += p.all
		case mine(p):
			u.ours += p.all
			if p.pid != self {
				u.byName[p.name] += p.all
			}
		}
	}
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	fields := strings.Fields(strings.SplitN(string(text), "\n", 2)[0])
	for i, at := range []int{1, 2, 3, 8} { // user, nice, system, steal
		if at >= len(fields) {
			break
		}
		n, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return u, fmt.Errorf("/proc/stat, field %d: %w", i, err)
		}
		u.busy += time.Duration(n) * tick
	}
	return u, nil
}

// spent is what was used in a window.
type spent struct {
	wall   time.Duration
	byName map[string]time.Duration
	others float64 // part of the whole machine that others had
}

// since gives what was used from an earlier reading to this one.
func (u usage) since(before usage) spent {
	s := spent{wall: u.at.Sub(before.at), byName: map[string]time.Duration{}}
	for name, d := range u.byName {
		s.byName[name] = max(0, d-before.byName[name])
	}
	others := (u.busy - before.busy) - (u.ours - before.ours) - (u.kernel - before.kernel)
	if s.wall > 0 {
		s.others = max(0, others.Seconds()) / (s.wall.Seconds() * float64(runtime.NumCPU()))
	}
	return s
}

// window measures what f uses.
func window(f func() error) (spent, error) {
	before, err := readUsage()
	if err != nil {
		return spent{}, err
	}
	if err := f(); err != nil {
		return spent{}, err
	}
	after, err := readUsage()
	if err != nil {
		return spent{}, err
	}
	return after.since(before), nil
}

// waitIdle waits until what this process has started does nothing, and for a while until others do not either.
func waitIdle(limit, patience time.Duration) error {
	start := time.Now()
	calm := 0
	for {
		s, err := window(func() error { time.Sleep(100 * time.Millisecond); return nil })
		if err != nil {
			return err
		}
		var busy time.Duration
		for _, d := range s.byName {
			busy += d
		}
		took := time.Since(start)
		if busy <= tick && (s.others < maxOthers || took > patience) {
			if calm++; calm == 3 {
				return nil
			}
		} else {
			calm = 0
		}
		if took > limit {
			return fmt.Errorf("after %s the servers are still busy: %v", limit, s.byName)
		}
	}
}

// memory reads a line of /proc/PID/status in MiB.
func memory(pid int, line string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/%d/status", line, pid)
}

// forgetPeak makes VmHWM begin anew (proc(5), clear_refs).
func forgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o600)
}

// thisMachine describes it.
func thisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	value := func(path, key, separator string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			return ""
		}
		for l := range strings.Lines(string(text)) {
			if k, v, ok := strings.Cut(l, separator); ok && strings.TrimSpace(k) == key {
				return strings.Trim(strings.TrimSpace(v), `"`)
			}
		}
		return ""
	}
	m.CPU = value("/proc/cpuinfo", "model name", ":")
	m.System = value("/etc/os-release", "PRETTY_NAME", "=")
	if kib, err := strconv.ParseFloat(strings.TrimSuffix(value("/proc/meminfo", "MemTotal", ":"), " kB"), 64); err == nil {
		m.Memory = fmt.Sprintf("%.0f GiB", kib/(1<<20))
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	return m
}
