package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/db/schema"
	"packregistry/internal/pack"
	"packregistry/migrations"
)

// childEnv makes the test binary act as another process on the file it names.
const childEnv = "PACKREGISTRY_TEST_SQLITE_CHILD"

// dieMigrating before the name of the file makes the child die.
const dieMigrating = "die:"

// died is the exit code of a child that died as it should.
const died = 99

// dyingFS ends the process when the second migration is read.
type dyingFS struct{ fs.FS }

func (f dyingFS) Open(name string) (fs.File, error) {
	if strings.Contains(name, "000002") {
		os.Exit(died)
	}
	return f.FS.Open(name)
}

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child publishes one version, whose name is that of the process. With dieMigrating
// it ends in the middle of the first migration.
func child(path string) error {
	if path, ok := strings.CutPrefix(path, dieMigrating); ok {
		if _, err := makeFile(path); err != nil {
			return err
		}
		b := newBackend(dataSource(path, "FULL", false), dataSource(path, "FULL", true), nil)
		return b.withWriter(context.Background(), func(c *conn) error {
			fsys := dyingFS{migrations.FS}
			return schema.Up(&session{ctx: context.Background(), c: c}, fsys, folder)
		})
	}
	d, err := Open(context.Background(), path, Options{})
	if err != nil {
		return err
	}
	defer d.Close()
	return publish(context.Background(), d, fmt.Sprintf("from-%d", os.Getpid()))
}

// runChild runs the other process to its end.
func runChild(path string) error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func publish(ctx context.Context, d db.DB, name string) error { return publishWith(ctx, d, name, "") }

// publishWith publishes a pack with a README.
func publishWith(ctx context.Context, d db.DB, name, readme string) error {
	digest := pack.Digest("sha256:" + strings.Repeat("ab", 32))
	lease, err := d.Lease(ctx, []pack.Digest{digest}, time.Minute)
	if err != nil {
		return err
	}
	_, _, err = d.Publish(ctx, db.Publication{
		Version: pack.Version{Namespace: "default", Name: name, Version: "1.0.0", Digest: digest, ContentDigest: "h1:x"},
		Lease:   lease,
		Readme:  readme,
	})
	return err
}

func TestOtherProcessWakesWatchers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	d := open(t, path)
	ctx := t.Context()
	watch := d.Watch(ctx)
	before, err := d.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := runChild(path); err != nil {
		t.Fatal(err)
	}
	for range watch { // the test's own deadline ends a wait in vain
		head, err := d.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if head.Seq == before.Seq+1 {
			break
		}
	}
	if !d.Live() {
		t.Error("Live() = false while the file is polled")
	}
}

func TestProcessesMigrateOneNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "registry.db")
	const processes = 6
	errs := make([]error, processes)
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() { errs[i] = runChild(path) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	names, err := open(t, path).Names(t.Context(), "*")
	if err != nil || len(names) != processes {
		t.Errorf("Names = %v, %v; want %d packs", names, err, processes)
	}
}

func TestKilledMigrationIsDoneAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	var exit *exec.ExitError
	if err := runChild(dieMigrating + path); !errors.As(err, &exit) || exit.ExitCode() != died {
		t.Fatalf("the child ended with %v, want it to die in its migration", err)
	}
	d := open(t, path)
	if applied, known, err := d.SchemaVersion(t.Context()); err != nil || applied != known {
		t.Errorf("SchemaVersion = %d of %d, %v", applied, known, err)
	}
	if err := publish(t.Context(), d, "x"); err != nil {
		t.Error(err)
	}
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	if _, err := makeFile(path); err != nil {
		t.Fatal(err)
	}
	steps := fstest.MapFS{}
	for name, sql := range map[string]string{
		"000001_a.up.sql": "CREATE TABLE a (x text);", "000001_a.down.sql": "DROP TABLE a;",
		"000002_b.up.sql": "CREATE TABLE b (x text); CREATE TABLE a (x text);", "000002_b.down.sql": "DROP TABLE b;",
	} {
		steps["sqlite/"+name] = &fstest.MapFile{Data: []byte(sql)}
	}
	withSession(t, path, func(s *session) error {
		if err := schema.Up(s, steps, folder); err == nil {
			t.Error("a step that makes a table twice succeeded")
		}
		applied, err := schema.Applied(s)
		if applied != 0 {
			t.Errorf("after a failed start the schema is %d, want 0", applied)
		}
		return err
	})
	open(t, path)
}

func TestFullDisk(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "registry.db"))
	d.upkeep.end() // whose merge may be what finds the disk full: then the connection is given up, and the limit with it
	limit := func(pages string) {
		err := d.b.withWriter(t.Context(), func(c *conn) error { return c.exec(t.Context(), "PRAGMA max_page_count = "+pages) })
		if err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // SQLite takes it as: no more than there are
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = publish(t.Context(), d, fmt.Sprintf("p%d", i))
	}
	if !pack.IsKind(err, pack.KindNoSpace) {
		t.Errorf("publishing until the disk is full = %v, want KindNoSpace", err)
	}
	limit("1000000")
	if err := publish(t.Context(), d, "later"); err != nil {
		t.Errorf("publish after space was made: %v", err)
	}
}

func TestOddPathsAndMode(t *testing.T) {
	for _, name := range []string{"a b.db", "100%.db", "what?.db", "hash#tag.db", "käse.db", "%41.db", "a&b=c.db"} {
		path := filepath.Join(t.TempDir(), "sub dir?", name)
		d := open(t, path)
		if err := publish(t.Context(), d, "x"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		st, err := os.Stat(path)
		if err != nil || st.Size() == 0 || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want a file that only its owner may read", name, st, err)
		}
	}
}

func TestInMemoryLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d, err := Open(t.Context(), ":memory:", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := publish(t.Context(), d, "x"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFileThatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database at all ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(t.Context(), path, Options{}); err == nil {
		d.Close()
		t.Error("a file of prose was opened")
	}
}

func TestClosed(t *testing.T) {
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err = d.Head(t.Context())
	if !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Head after Close = %v, want KindUnavailable", err)
	}
	if err := publish(t.Context(), d, "x"); !pack.IsKind(err, pack.KindUnavailable) {
		t.Errorf("Publish after Close = %v, want KindUnavailable", err)
	}
	if d.Live() {
		t.Error("Live after Close")
	}
}

func TestManyReadersAndAStreamDoNotStopTheWriter(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "registry.db"))
	for i := range 3 {
		if err := publish(t.Context(), d, fmt.Sprintf("p%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	_, err := d.Snapshot(t.Context(), "*", func(v *pack.Version) error {
		seen++
		// Another goroutine of the server, while this one streams.
		return publish(t.Context(), d, fmt.Sprintf("during-%d", seen))
	})
	if err != nil || seen != 3 {
		t.Errorf("Snapshot saw %d packs, %v; want the 3 of its instant", seen, err)
	}
}

func TestNumbered(t *testing.T) {
	if got := numbered("a = $1 AND b = $12 AND c LIKE '$x'"); got != "a = ?1 AND b = ?12 AND c LIKE '$x'" {
		t.Error(got)
	}
}
