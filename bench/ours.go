package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/bcrypt"

	"packregistry/internal/testenv"
)

// ours says how our server is started. Authentication is always on, unless open says that anybody may read.
type ours struct {
	production bool   // Postgres and S3; else embedded
	catalogue  string // name of a shape to start from; "" is an empty store
	inPlace    bool   // work on the catalogue itself, for what only reads and is too large to copy
	cost       int    // of bcrypt, 10 when 0
	open       bool
	plain      bool // never with profiles
	big        bool // limits for archives of more than 1 GiB
	sharing    *server
	pin        string // CPU to run on, by taskset
	extra      []string
}

func basic() http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
}

// htpasswd makes a file with one line, as htpasswd -B -C cost does.
func (b *bench) htpasswd(cost int) (string, error) {
	if cost == 0 {
		cost = 10
	}
	path := filepath.Join(b.work, fmt.Sprintf("htpasswd-%d", cost))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(user+":$2y$"+string(hash[4:])+"\n"), 0o600)
}

// startOurs starts our server on fresh storage.
func (b *bench) startOurs(ctx context.Context, o ours) (s *server, err error) {
	dir, err := b.fresh("ours")
	if err != nil {
		return nil, err
	}
	var after []func()
	defer func() {
		if err != nil {
			for i := len(after) - 1; i >= 0; i-- {
				after[i]()
			}
		}
	}()
	after = append(after, func() { _ = os.RemoveAll(dir) })
	var env []string
	switch {
	case o.sharing != nil:
		for _, kv := range o.sharing.cmd.Env {
			if strings.HasPrefix(kv, "REGISTRY_DATABASE_") || strings.HasPrefix(kv, "REGISTRY_STORAGE_S3_") || strings.HasPrefix(kv, "REGISTRY_STORAGE=") {
				env = append(env, kv)
			}
		}
	case o.production:
		settings, stop, err := b.production(ctx, o)
		if err != nil {
			return nil, err
		}
		after, env = append(after, stop), settings
	case o.catalogue != "" && o.inPlace:
		env = append(env, "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="+b.template(o.catalogue))
	case o.catalogue != "":
		if err := copyTree(b.template(o.catalogue), dir); err != nil {
			return nil, err
		}
	}
	if s, err = b.serve(ctx, dir, o, env); err != nil {
		return nil, err
	}
	s.after = append(after, s.after...)
	return s, nil
}

// serve starts the program. Settings that are given win over those made here.
func (b *bench) serve(ctx context.Context, dir string, o ours, settings []string) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	accounts, err := b.htpasswd(o.cost)
	if err != nil {
		return nil, err
	}
	env := append([]string{"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=" + dir}, settings...)
	env = append(env, "REGISTRY_HTTP_ADDR="+addr, "REGISTRY_LOG_LEVEL=warn", "REGISTRY_AUTH_HTPASSWD_PATH="+accounts, "REGISTRY_HTTP_DRAINDELAY=0s")
	header := basic()
	if o.open {
		env, header = append(env, "REGISTRY_AUTH_ANONYMOUS=pull"), http.Header{}
	}
	if o.big {
		env = append(env, "REGISTRY_LIMITS_ARCHIVE=2GiB", "REGISTRY_LIMITS_UNPACKED=4GiB")
	}
	debug := ""
	if b.profiling && !o.plain {
		if debug, err = freeAddr(); err != nil {
			return nil, err
		}
		env = append(env, "REGISTRY_HTTP_DEBUG_ADDR="+debug)
	}
	c := command{path: b.registry, args: []string{"serve"}, env: append(env, o.extra...), dir: dir, addr: addr, ready: "/ready", header: header}
	if o.pin != "" {
		c.path, c.args = "/usr/bin/taskset", append([]string{"-c", o.pin, b.registry}, c.args...)
	}
	s, err := start(ctx, c)
	if err != nil {
		return nil, err
	}
	s.name, s.debug = "registry", debug
	return s, nil
}

// production starts Postgres and S3, with a fresh database and bucket, and gives the settings that name them.
func (b *bench) production(ctx context.Context, o ours) (settings []string, stop func(), err error) {
	admin, stopPostgres, err := b.postgres()
	if err != nil {
		return nil, nil, err
	}
	name := o.catalogue
	drop := func() {}
	if !o.inPlace {
		if name, err = b.newDatabase(ctx, admin, o.catalogue); err != nil {
			stopPostgres()
			return nil, nil, err
		}
		drop = func() {
			_ = onPostgres(context.WithoutCancel(ctx), admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		}
	} else {
		name = databaseName(name)
	}
	e, stopS3, err := testenv.StartS3(filepath.Join(b.work, "s3"))
	if err != nil {
		drop()
		stopPostgres()
		return nil, nil, err
	}
	bucket := "bench-" + randomName()
	if err := testenv.MakeBucket(ctx, e, bucket); err != nil {
		drop()
		stopS3()
		stopPostgres()
		return nil, nil, err
	}
	stop = func() {
		stopS3()
		_ = os.RemoveAll(filepath.Join(b.work, "s3", "buckets", bucket)) // the disk is finite
		drop()
		stopPostgres()
	}
	return []string{
		"REGISTRY_DATABASE_URL=" + databaseURL(admin, name), "REGISTRY_STORAGE=s3", "REGISTRY_STORAGE_S3_ENDPOINT=" + e.URL, "REGISTRY_STORAGE_S3_REGION=" + e.Region,
		"REGISTRY_STORAGE_S3_ACCESSKEY=" + e.AccessKey, "REGISTRY_STORAGE_S3_SECRETKEY=" + e.SecretKey, "REGISTRY_STORAGE_S3_BUCKET=" + bucket, "REGISTRY_STORAGE_S3_FORCEPATHSTYLE=true",
	}, stop, nil
}

// postgres starts the server of the run. It syncs as Postgres does by default.
func (b *bench) postgres() (admin string, stop func(), err error) {
	return testenv.StartPostgres(filepath.Join(b.work, "postgres"))
}

// newDatabase makes a database: empty, or a copy of a catalogue.
func (b *bench) newDatabase(ctx context.Context, admin, catalogue string) (string, error) {
	name := "bench_" + randomName()
	q := "CREATE DATABASE " + name
	if catalogue != "" {
		q += " TEMPLATE " + databaseName(catalogue)
	}
	return name, onPostgres(ctx, admin, q)
}

func databaseName(catalogue string) string { return "catalogue_" + catalogue }

func databaseURL(admin, name string) string {
	u, err := url.Parse(admin)
	if err != nil {
		return admin
	}
	u.Path = "/" + name
	return u.String()
}

func onPostgres(ctx context.Context, url, q string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, q)
	if err != nil {
		err = fmt.Errorf("%s: %w", q, err)
	}
	return errors.Join(err, conn.Close(ctx))
}

func randomName() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// copyTree copies files and folders.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err == nil {
		err = dst.Sync() // else the system writes it to the disk while something is measured
	}
	return errors.Join(err, dst.Close())
}
