package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// StartPostgres starts a Postgres server on a free port of 127.0.0.1 and gives the
// URL of its superuser. Its data is kept in dir between runs; with dir "" it is a
// throw-away server without fsync whose data goes with it. stop ends it; it
// also ends, however it comes about, with this process.
func StartPostgres(dir string) (serverURL string, stop func(), err error) {
	bin, err := postgresBin()
	if err != nil {
		return "", nil, err
	}
	cred, err := serviceUser()
	if err != nil {
		return "", nil, err
	}
	throwAway := dir == ""
	if throwAway {
		if dir, err = os.MkdirTemp("", "registry-pg-"); err != nil {
			return "", nil, err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, err
	}
	serverURL, stop, err = startCluster(bin, dir, cred, throwAway)
	if err != nil && throwAway {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return serverURL, stop, err
}

func startCluster(bin, dir string, cred *credential, throwAway bool) (string, func(), error) {
	if err := cred.ownDir(dir); err != nil {
		return "", nil, err
	}
	data, secret := filepath.Join(dir, "data"), filepath.Join(dir, "password")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := initCluster(bin, data, secret, cred); err != nil {
			return "", nil, err
		}
	}
	password, err := os.ReadFile(secret)
	if err != nil {
		return "", nil, err
	}
	// Another process may take a free port before the server does.
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return "", nil, err
		}
		// No unix socket: its path would have to stay under 108 bytes.
		args := []string{filepath.Join(bin, "postgres"), "-D", data, "-k", "", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-c", "max_connections=300"}
		sup := supervision{cred: cred, log: filepath.Join(dir, "postgres.log"), signal: "INT"}
		if throwAway {
			args = append(args, "-F", "-c", "full_page_writes=off")
			sup.signal, sup.remove = "QUIT", dir
		}
		u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", string(password)), Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/postgres", RawQuery: "sslmode=disable"}
		running, err := sup.start(args)
		if err != nil {
			return "", nil, err
		}
		if err = waitForPostgres(u.String(), running); err == nil {
			return u.String(), running.stop, nil
		}
		text, _ := os.ReadFile(sup.log) // only to explain
		running.stop()
		if attempt == 3 || throwAway {
			return "", nil, fmt.Errorf("start Postgres: %w\n%s", err, text)
		}
	}
}

func initCluster(bin, data, secret string, cred *credential) error {
	if err := os.WriteFile(secret, []byte(randomName()), 0o600); err != nil {
		return err
	}
	if err := cred.own(secret); err != nil {
		return err
	}
	// A password in clear is cheap and never leaves the loopback interface.
	cmd := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C",
		"--auth=password", "--pwfile="+secret, "--no-sync", "--no-instructions")
	cmd.SysProcAttr = cred.attributes()
	cmd.Dir = filepath.Dir(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		if cred != nil && errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("initdb: the user that Postgres runs as may not pass the directories above %s: %w", cmd.Dir, err)
		}
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func waitForPostgres(serverURL string, p *process) error {
	deadline := time.Now().Add(time.Minute)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		conn, err := pgx.Connect(ctx, serverURL)
		if err == nil {
			err = conn.Close(ctx)
		}
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return errors.New("the server ended at once")
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// postgresBin finds the directory of initdb and postgres: as pg_config says, the
// newest of Debian's, or what `make` has put below .tools.
func postgresBin() (string, error) {
	var dirs []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
	slices.SortFunc(debian, func(a, b string) int { return major(b) - major(a) })
	dirs = append(dirs, debian...)
	if root, err := moduleRoot(); err == nil {
		dirs = append(dirs, filepath.Join(root, ".tools", "postgres", "bin"))
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no Postgres found: install it, or set %s to a server on which databases may be created", PostgresURL)
}

// major reads the version out of /usr/lib/postgresql/15/bin; 0 when there is none.
func major(dir string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	if err != nil {
		return 0
	}
	return n
}

// moduleRoot is the nearest directory above with a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = up
	}
}

// serviceUser is who services run as: nil for this user, someone unprivileged for
// root, as which Postgres refuses to run.
func serviceUser() (*credential, error) {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &credential{uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, errors.New("Postgres does not run as root, and there is no user postgres or nobody")
}
