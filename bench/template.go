package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// template is the data folder of a catalogue in SQLite.
func (b *bench) template(name string) string { return filepath.Join(b.work, "catalogue-"+name) }

// onlyOnce does something unless it was done before.
func (b *bench) onlyOnce(what string, do func() error) error {
	b.lock.Lock()
	done := b.made[what]
	b.lock.Unlock()
	if done {
		return nil
	}
	begin := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	b.lock.Lock()
	b.made[what] = true
	b.lock.Unlock()
	b.say("  made %s in %.1f s", what, time.Since(begin).Seconds())
	return nil
}

// embeddedCatalogue makes a catalogue in SQLite: the server makes the empty database, the rows go straight in.
func (b *bench) embeddedCatalogue(ctx context.Context, name string) error {
	return b.onlyOnce("the catalogue "+name+" in SQLite", func() error {
		dir := b.template(name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := b.startAndStop(ctx, dir, nil); err != nil {
			return err
		}
		return b.shapes[name].fillSQLite(ctx, dir)
	})
}

// productionCatalogue makes a catalogue in Postgres.
func (b *bench) productionCatalogue(ctx context.Context, name string) error {
	return b.onlyOnce("the catalogue "+name+" in Postgres", func() error {
		admin, stop, err := b.postgres()
		if err != nil {
			return err
		}
		defer stop()
		if err := onPostgres(ctx, admin, "CREATE DATABASE "+databaseName(name)); err != nil {
			return err
		}
		dir, err := b.fresh("schema")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		url := databaseURL(admin, databaseName(name))
		if err := b.startAndStop(ctx, dir, []string{"REGISTRY_DATABASE_URL=" + url}); err != nil {
			return err
		}
		return b.shapes[name].fillPostgres(ctx, url)
	})
}

// bothCatalogues makes a catalogue in both databases, at once: nothing is measured meanwhile.
func (b *bench) bothCatalogues(ctx context.Context, name string) error {
	var other error
	var done sync.WaitGroup
	done.Go(func() { other = b.embeddedCatalogue(ctx, name) })
	return errors.Join(b.productionCatalogue(ctx, name), func() error { done.Wait(); return other }())
}

// startAndStop lets the server make its schema.
func (b *bench) startAndStop(ctx context.Context, dir string, env []string) error {
	s, err := b.serve(ctx, dir, ours{plain: true}, env)
	if err != nil {
		return err
	}
	return s.stop()
}

// importedCatalogue makes a catalogue as an admin would: a folder of archives, and registry admin import.
func (b *bench) importedCatalogue(ctx context.Context, name string) error {
	return b.onlyOnce("the catalogue "+name+" by registry admin import", func() error {
		s := b.shapes[name]
		folder, err := b.fresh("import")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		if err := writeFolder(s, folder); err != nil {
			return err
		}
		dir := b.template(name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := b.startAndStop(ctx, dir, nil); err != nil {
			return err
		}
		out, err := run(ctx, []string{"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=" + dir, "REGISTRY_LOG_LEVEL=error"}, b.registry, "admin", "import", "-o", "json", folder)
		if err != nil {
			return err
		}
		var summary struct{ Created, Failed int }
		if err := json.Unmarshal([]byte(out), &summary); err != nil {
			return fmt.Errorf("%w in %.300s", err, out)
		}
		if summary.Created != s.versions() || summary.Failed > 0 {
			return fmt.Errorf("of %d packs %d came in and %d failed", s.versions(), summary.Created, summary.Failed)
		}
		return nil
	})
}

// writeFolder writes every version of a catalogue as an archive.
func writeFolder(s shape, folder string) error {
	rare := newGenerator().rare
	var all sync.WaitGroup
	errs := make([]error, 4)
	for w := range errs {
		all.Go(func() {
			for i := w; i < s.packs && errs[w] == nil; i += len(errs) {
				name := packName(rare, i)
				for k := range s.each {
					a, err := packZip(name, versionOf(i, k), 3000+(i*7919+k*104729)%12_000, uint64(i*1000+k))
					if err == nil {
						err = os.WriteFile(filepath.Join(folder, name+"-"+a.version+".zip"), a.bytes, 0o644)
					}
					if err != nil {
						errs[w] = err
						return
					}
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func digestBytes(name string, id int64, n int) []byte {
	text := binary.AppendVarint([]byte(name), id)
	sum := sha256.Sum256(binary.AppendVarint(text, int64(n)))
	return sum[:]
}
