package auth

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxHtpasswd bounds the file: 4 MiB hold some 50,000 accounts.
const maxHtpasswd = 4 << 20

// htpasswdLine is one usable line.
type htpasswdLine struct{ name, hash string }

// parseHtpasswd reads lines of name:hash. Blank lines and lines starting with #
// are skipped. A line that cannot be used (no colon, no bcrypt, a name twice) is
// left out and described in problems, without its hash; of a name given twice the
// first line counts, as in Apache.
//
// The parser is ours, over x/crypto/bcrypt: tg123/go-htpasswd takes $2x$ hashes,
// hides the line that the cache of verified credentials must be bound to, and its
// bad-line handler is given text with the hash in it.
func parseHtpasswd(r io.Reader) (lines []htpasswdLine, problems []string, err error) {
	seen := map[string]bool{}
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		text := sc.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, hash, ok := strings.Cut(text, ":")
		if !ok {
			problems = append(problems, fmt.Sprintf("line %d has no colon", n))
			continue
		}
		// Like Apache, what follows another colon is a comment field.
		hash, _, _ = strings.Cut(hash, ":")
		if err := ValidName(name); err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", n, err))
			continue
		}
		if _, err := hashCost(hash); err != nil {
			problems = append(problems, fmt.Sprintf("line %d, account %q: %v", n, name, err))
			continue
		}
		if seen[name] {
			problems = append(problems, fmt.Sprintf("line %d: account %q appears twice, the first line counts", n, name))
			continue
		}
		seen[name] = true
		lines = append(lines, htpasswdLine{name, hash})
	}
	return lines, problems, sc.Err()
}

// fingerprint tells one state of a file from another without reading it. The
// inode catches a rename within one tick of the clock (editors, Kubernetes
// secrets behind a symlink).
type fingerprint struct {
	mtime time.Time
	size  int64
	inode uint64
}

func fingerprintOf(fi os.FileInfo) fingerprint {
	fp := fingerprint{mtime: fi.ModTime(), size: fi.Size()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		fp.inode = st.Ino
	}
	return fp
}

// htpasswdFile keeps the accounts of a file and reads it again when it changed.
type htpasswdFile struct {
	path string
	role func(name string) Role
	log  *slog.Logger

	mu       sync.Mutex
	checked  time.Time
	fp       fingerprint
	accounts map[string]Account
	broken   bool // the last look failed; told once
}

// openHtpasswd reads the file for the first time; then it must be there and usable.
func openHtpasswd(path string, role func(string) Role, log *slog.Logger, now time.Time) (*htpasswdFile, error) {
	f := &htpasswdFile{path: path, role: role, log: log}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.checked = now
	return f, nil
}

// get returns the accounts as of at most maxAge ago. The map is never changed
// after it was returned.
func (f *htpasswdFile) get(now time.Time, maxAge time.Duration) map[string]Account {
	f.mu.Lock()
	defer f.mu.Unlock()
	if age := now.Sub(f.checked); age >= 0 && age < maxAge {
		return f.accounts
	}
	f.checked = now
	if err := f.read(); err != nil {
		if !f.broken {
			f.log.Error("the htpasswd file cannot be used; its last good state stays in force", "path", f.path, "error", err)
		}
		f.broken = true
	} else if f.broken {
		f.broken = false
		f.log.Info("the htpasswd file can be used again", "path", f.path)
	}
	return f.accounts
}

// read looks at the file and parses it when it is another than last time. On an
// error nothing changes. A file without any line means nobody; a file of which no
// line can be used is an error, for it is more likely damaged than meant.
func (f *htpasswdFile) read() error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if fi.Size() > maxHtpasswd {
		return fmt.Errorf("the file is larger than %d MiB", maxHtpasswd>>20)
	}
	fp := fingerprintOf(fi)
	if f.accounts != nil && fp == f.fp {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(file, maxHtpasswd))
	if err != nil {
		return err
	}
	lines, problems, err := parseHtpasswd(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if len(lines) == 0 && len(problems) > 0 {
		return fmt.Errorf("no usable line; the first problem: %s", problems[0])
	}
	accounts := make(map[string]Account, len(lines))
	for _, l := range lines {
		accounts[l.name] = Account{Name: l.name, Hash: l.hash, Role: f.role(l.name)}
	}
	for _, p := range problems {
		f.log.Warn("a line of the htpasswd file is left out", "path", f.path, "problem", p)
	}
	if f.accounts != nil {
		f.log.Info("the htpasswd file was read again", "path", f.path, "accounts", len(accounts))
	}
	f.accounts, f.fp = accounts, fp
	return nil
}
