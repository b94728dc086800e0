package backup_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"packregistry/internal/backup"
	"packregistry/internal/db"
	"packregistry/internal/pack"
	"packregistry/internal/pack/packtest"
	"packregistry/internal/storage/storagetest"
)

// A registry goes from SQLite and a directory into Postgres and S3 and back, and its export stays the same to the byte.
func TestThereAndBack(t *testing.T) {
	first := embedded(t)
	for _, v := range []string{"1.0.0", "1.1.0", "2.0.0"} {
		first.push("one", v, packtest.File("big", strings.Repeat(v, 100_000)))
	}
	first.push("two", "1.0.0")
	first.drop("two")
	folders := []*folder{newFolder(t), newFolder(t), newFolder(t)}
	envs := []*env{first, production(t), embedded(t)}
	var reports []*backup.Report
	for i, e := range envs {
		if i > 0 {
			r, err := folders[i-1].restore(e, backup.RestoreOptions{})
			if err != nil || r.Cursor != reports[0].Cursor {
				t.Fatalf("%+v %v", r, err)
			}
			e.clean(3)
		}
		reports = append(reports, folders[i].create(e))
	}
	for _, r := range reports[1:] {
		if r.Catalogue != reports[0].Catalogue || r.Registry != reports[0].Registry || r.Blobs != 3 || r.Copied != 3 {
			t.Errorf("%+v\nfirst %+v", r, reports[0])
		}
	}
	// The restored registry goes on with its backups in the old folder.
	if r := folders[0].create(envs[2]); r.Copied != 0 || r.Name <= reports[0].Name {
		t.Errorf("%+v", r)
	}
}

func TestOnlyNewBlobsAreCopied(t *testing.T) {
	e, f := embedded(t), newFolder(t)
	one := e.push("one", "1.0.0")
	if r := f.create(e); r.Copied != 1 || r.Blobs != 1 {
		t.Errorf("first: %+v", r)
	}
	e.store.Reset()
	two := e.push("two", "1.0.0")
	if r := f.create(e); r.Copied != 1 || r.Blobs != 2 {
		t.Errorf("second: %+v", r)
	}
	if got := e.store.Calls(storagetest.OpOpen); !slices.Equal(got, []pack.Digest{two}) {
		t.Errorf("read %v, want %s only", got, two)
	}
	// A copy that broke off, as another tool may leave it, is made anew.
	change(t, f.blob(one), cutOff)
	if r := f.create(e); r.Copied != 1 {
		t.Errorf("after a cut: %+v", r)
	}
	if _, err := f.restore(embedded(t), backup.RestoreOptions{DryRun: true}); err != nil {
		t.Error(err)
	}
}

func TestKeep(t *testing.T) {
	e, f := embedded(t), newFolder(t)
	old := e.push("old", "1.0.0")
	first := f.create(e)
	e.drop("old")
	both := e.push("both", "1.0.0")
	second := f.create(e)
	f.keep = 2
	third := f.create(e)
	if !slices.Equal(third.Removed, []string{first.Name}) || third.Freed != 1 || f.has(old) || !f.has(both) {
		t.Errorf("%+v, has old %v, both %v", third, f.has(old), f.has(both))
	}
	if _, err := f.restore(embedded(t), backup.RestoreOptions{Name: first.Name}); err == nil || !strings.Contains(err.Error(), "there are: "+second.Name+", "+third.Name) {
		t.Error(err)
	}
	// While a kept backup cannot be read, no blob goes, and the admin is told.
	e.drop("both")
	change(t, filepath.Join(f.root, "backups", third.Name, "catalogue.jsonl.gz"), flip)
	r := f.create(e)
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "the backup "+third.Name+" is damaged") || r.Freed != 0 || !f.has(both) {
		t.Errorf("%+v", r)
	}
	f.keep = 1
	if r := f.create(e); len(r.Warnings) > 0 || r.Freed != 1 || f.has(both) {
		t.Errorf("%+v", r)
	}
}

// What is deleted while a backup runs is in it, also when it is swept at once.
func TestSweepDuringBackup(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *env{"embedded": embedded, "production": production} {
		t.Run(name, func(t *testing.T) {
			e, f := open(t), newFolder(t)
			var digests []pack.Digest
			for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
				digests = append(digests, e.push(name, "1.0.0"))
			}
			dropped := make(chan struct{}, 1)
			e.store.Before(storagetest.OpOpen, func(context.Context, pack.Digest) error {
				select {
				case dropped <- struct{}{}: // the first
					for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
						e.drop(name)
					}
				default:
				}
				return nil
			})
			r := f.create(e)
			if r.Copied != len(digests) || len(dropped) != 1 {
				t.Errorf("%+v", r)
			}
			for _, d := range digests {
				if err := readAll(t, e.store, d); err != nil {
					t.Errorf("swept while it was leased: %v", err)
				}
			}
			if swept, err := e.Sweep(t.Context(), false); err != nil || len(swept.Removed) != len(digests) {
				t.Errorf("after the backup its leases are still there: %+v %v", swept, err)
			}
			back := embedded(t)
			if _, err := f.restore(back, backup.RestoreOptions{}); err != nil {
				t.Fatal(err)
			}
			back.clean(len(digests))
		})
	}
}

// exported does something between the instant of the export and the leases.
type exported struct {
	db.DB
	do func()
}

func (e exported) Export(ctx context.Context, to db.ExportSink) error {
	defer e.do()
	return e.DB.Export(ctx, to)
}

// What is swept before it could be leased is not in the backup, whose instant is then a later one.
func TestSweptBeforeItIsLeased(t *testing.T) {
	e, f := embedded(t), newFolder(t)
	e.push("stays", "1.0.0")
	e.push("goes", "1.0.0")
	n := 0
	r, err := f.try(backup.Registry{Store: e.store, Catalogue: exported{e.db, func() {
		if n++; n == 1 {
			e.drop("goes")
		}
	}}})
	if err != nil || n != 2 || r.Blobs != 1 || r.Seq != 3 {
		t.Fatalf("%d exports, %+v %v", n, r, err)
	}
	back := embedded(t)
	if _, err := f.restore(back, backup.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	back.clean(1)
}

// A registry that has lost bytes is told so, and its last good backup stays the last.
func TestDamagedRegistry(t *testing.T) {
	for want, harm := range map[string]func([]byte) []byte{"misses sha256:": remove, "does not match its digest of sha256:": flip} {
		e, f := embedded(t), newFolder(t)
		e.push("good", "1.0.0")
		good := f.create(e)
		d := e.push("bad", "1.0.0")
		change(t, filepath.Join(e.root, "blobs", "sha256", d.Hex()[:2], d.Hex()), harm)
		_, err := f.try(e.registry())
		if err == nil || !strings.Contains(err.Error(), want+d.Hex()) || !strings.Contains(err.Error(), "no backup was made") {
			t.Errorf("%v, want %q", err, want)
		}
		if r, err := f.restore(embedded(t), backup.RestoreOptions{}); err != nil || r.Name != good.Name {
			t.Errorf("%+v %v", r, err)
		}
	}
}

// A folder that holds something else, or the backups of another registry, is left alone.
func TestFoldersThatAreNotOurs(t *testing.T) {
	e, f := embedded(t), newFolder(t)
	e.push("one", "1.0.0")
	f.create(e)
	if _, err := f.try(embedded(t).registry()); err == nil || !strings.Contains(err.Error(), "backups of another registry") {
		t.Error(err)
	}
	wrong := &folder{t: t, root: e.root}
	if _, err := wrong.try(e.registry()); err == nil || !strings.Contains(err.Error(), "neither empty nor a folder of backups") {
		t.Error(err)
	}
	if _, err := wrong.restore(embedded(t), backup.RestoreOptions{}); err == nil || !strings.Contains(err.Error(), "holds no backups") {
		t.Error(err)
	}
	marker, err := os.Open(filepath.Join(f.root, "pack-registry-backups.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer marker.Close()
	if err := syscall.Flock(int(marker.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	_, create := f.try(e.registry())
	_, restore := f.restore(embedded(t), backup.RestoreOptions{})
	for _, err := range []error{create, restore} {
		if err == nil || !strings.Contains(err.Error(), "is at work in") {
			t.Error(err)
		}
	}
}
