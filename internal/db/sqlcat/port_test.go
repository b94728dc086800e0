package sqlcat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"packregistry/internal/db"
	"packregistry/internal/db/dbtest"
	"packregistry/internal/db/sqlcat"
	"packregistry/internal/pack"
)

// TestPortTables: whoever adds a table or a column has to say whether a backup carries it.
func TestPortTables(t *testing.T) {
	for name, open := range map[string]func(*testing.T) portDatabase{"sqlite": sqlitePort, "postgres": postgresPort} {
		t.Run(name, func(t *testing.T) {
			p := open(t)
			p.open()
			tables := p.query(p.tablesQuery)
			exported, leftOut := sqlcat.PortTables()
			for _, table := range tables {
				columns, carried := exported[table]
				if reason := leftOut[table]; carried == (reason != "") {
					t.Errorf("the table %s has to be in portTables, or with a reason in portLeftOut (sqlcat/port_tables.go)", table)
				}
				if !carried {
					continue
				}
				there := p.query(fmt.Sprintf(p.columnsOf, table))
				slices.Sort(there)
				slices.Sort(columns)
				if diff := cmp.Diff(there, columns); diff != "" {
					t.Errorf("columns of %s in sqlcat/port_tables.go (-database +listed):\n%s", table, diff)
				}
			}
			for table := range exported {
				if !slices.Contains(tables, table) {
					t.Errorf("portTables has %s, which is not there", table)
				}
			}
		})
	}
}

// fill makes a catalogue with something in every table that an export carries, and deleted things too.
func fill(t *testing.T, d db.DB) {
	t.Helper()
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	publish := func(p db.Publication, blobs ...pack.Digest) *pack.Version {
		t.Helper()
		var err error
		p.Lease, err = d.Lease(ctx, append(blobs, p.Version.Digest), time.Hour)
		check(err)
		v, _, err := d.Publish(ctx, p)
		check(err)
		return v
	}
	check(d.PutConnection(ctx, db.Connection{
		Name: "of production", Palette: "https://palette.example.test", UID: "u-1", Kind: "oci", Namespace: "default",
		Endpoint: "https://packs.example.test", Account: "palette-1", Credential: "c",
	}))
	check(d.PutSync(ctx, "of production", "u-1", db.ConnectionSync{Seq: 3, Asked: time.UnixMicro(5), Good: time.UnixMicro(7), State: "done", Problem: "two\nlines"}))
	n := 0
	for g := range dbtest.Generate(40) {
		v := g.Version
		v.Revision = 0
		sum := strings.Repeat(fmt.Sprintf("%02x", n), 32)
		files := []pack.File{{Path: "pack.json", Size: 1, SHA256: sum, Method: 8, CRC32: 1<<32 - 1, Executable: n%2 == 0}, {Path: "ä/ü.yaml", SHA256: sum}}
		publish(db.Publication{Version: v, Files: files, Readme: g.Readme})
		n++
		if n%10 == 0 { // overwritten, with a manifest that names a blob of its own
			v.Digest, v.ContentDigest = pack.Digest(sqlcat.BulkDigest("again", n)), fmt.Sprint("h1:again", n)
			v.Message = "two\nlines, \"quoted\" <&> \u2028 \\ €"
			config := pack.Digest(sqlcat.BulkDigest("config", n))
			m := &db.OCIManifest{
				Digest: sqlcat.BulkDigest("manifest", n), Blob: pack.Digest(sqlcat.BulkDigest("manifest", n)), Size: 7, MediaType: "m",
				Annotations: map[string]string{"a": "b"}, Blobs: []db.OCILink{{Digest: string(config), Blob: config, Size: 2}},
			}
			publish(db.Publication{Version: v, Files: files, Force: true, Manifest: m}, config, m.Blob)
		}
		if n == 11 {
			check(d.DeletePack(ctx, v.Namespace, v.Name, "root"))
		}
		if n == 12 {
			check(d.SetTag(ctx, v.Namespace, v.Name, "stable", v.Version, "root"))
		}
	}
	check(d.PutAccount(ctx, db.Account{Name: "root", Hash: "$2a$x", Role: "admin", UpdatedAt: time.UnixMicro(1_700_000_000_123_456)}))
	blob, manifest := pack.Digest(sqlcat.BulkDigest("blob", 1)), pack.Digest(sqlcat.BulkDigest("image", 1))
	lease, err := d.Lease(ctx, []pack.Digest{blob, manifest}, time.Hour)
	check(err)
	link := db.OCILink{Digest: string(blob), Blob: blob, Size: 3}
	check(d.PutOCIBlob(ctx, "team/image", link, lease))
	check(d.PutOCIManifest(ctx, "team/image", db.OCIManifest{
		Digest: string(manifest), Blob: manifest, Size: 4, MediaType: "m", Subject: sqlcat.BulkDigest("subject", 1), Refers: []string{string(blob)},
	}, []string{"latest"}, lease))
	// In flight: nothing of it is exported.
	part := pack.Digest(sqlcat.BulkDigest("part", 1))
	up, err := d.Lease(ctx, []pack.Digest{part}, time.Hour)
	check(err)
	check(d.PutOCIUpload(ctx, db.OCIUpload{
		ID: "u", Repo: "r", User: "root", Offset: 1, Parts: []db.OCILink{{Digest: string(part), Blob: part, Size: 1}}, Lease: up, Expires: time.Now().Add(time.Hour),
	}, -1))
}

// TestPort: an export goes from SQLite to Postgres and back and stays the same, and what is imported lives on.
func TestPort(t *testing.T) {
	ctx := t.Context()
	first := sqlitePort(t).open()
	fill(t, first)
	want := export(t, first)
	for table, columns := range func() map[string][]string { e, _ := sqlcat.PortTables(); return e }() {
		if i := slices.IndexFunc(want.lines, func(l string) bool { return strings.HasPrefix(l, table+"[") }); i < 0 || len(columns) == 0 ||
			i+1 == len(want.lines) || !strings.HasPrefix(want.lines[i+1], "[]interface") {
			t.Errorf("the test puts nothing into %s", table)
		}
	}
	part := pack.Digest(sqlcat.BulkDigest("part", 1))
	if slices.Contains(want.blobs, part) {
		t.Error("a part of an upload in flight is exported")
	}
	head, err := first.Head(ctx)
	if err != nil || want.header.Head != head || want.header.Birth == "" || want.header.Schema < 3 {
		t.Errorf("header %+v, head %+v %v", want.header, head, err)
	}
	newer := func(t *testing.T, d db.DB) {
		t.Helper()
		if _, _, err := d.Changes(ctx, db.Mark{Seq: head.Seq + 1, Mark: "0123456789abcdef"}, "*", 10); !pack.IsKind(err, pack.KindCursorGone) {
			t.Errorf("a cursor newer than the export: %v", err)
		}
	}

	for name, open := range map[string]func(*testing.T) portDatabase{"postgres": postgresPort, "sqlite": sqlitePort} {
		t.Run(name, func(t *testing.T) {
			d := open(t).open()
			moved := d.Watch(ctx)
			if err := d.Import(ctx, want.play); !pack.IsKind(err, pack.KindUnavailable) {
				t.Errorf("import without leases: %v", err)
			}
			if err := d.Vacant(ctx); err != nil {
				t.Errorf("after an import that failed: %v", err)
			}
			if err := importInto(t, d, want); err != nil {
				t.Fatal(err)
			}
			<-moved
			got := export(t, d)
			if diff := cmp.Diff(want.lines, got.lines); diff != "" {
				t.Errorf("exported again (-want +got):\n%s", diff)
			}
			back := sqlitePort(t).open()
			if err := importInto(t, back, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.lines, export(t, back).lines); diff != "" {
				t.Errorf("and back (-want +got):\n%s", diff)
			}
			if err := importInto(t, d, want); !pack.IsKind(err, pack.KindConflict) || !strings.Contains(err.Error(), "is not empty") {
				t.Errorf("import into what is not empty: %v", err)
			}
			newer(t, d)
			lives(t, first, d)
			newer(t, d)
		})
	}
}

// lives checks that an imported catalogue finds what its source finds, and takes what is new.
func lives(t *testing.T, source, d db.DB) {
	t.Helper()
	ctx := t.Context()
	for _, text := range []string{"", "operator", "argo", "cnotroller", "promethues"} {
		find := func(d db.DB) []string {
			page, err := d.Search(ctx, db.Query{Namespace: "*", Text: text, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, v := range page.Items {
				names = append(names, v.Namespace+"/"+v.Name)
			}
			return names
		}
		want, got := find(source), find(d)
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("search for %q (-source +imported):\n%s", text, diff)
		}
	}
	before, err := d.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// New ids are free, also those of a repository; the change follows the imported ones.
	zip := pack.Digest(sqlcat.BulkDigest("new", 1))
	lease, err := d.Lease(ctx, []pack.Digest{zip}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, outcome, err := d.Publish(ctx, db.Publication{
		Version: pack.Version{Namespace: "new", Name: "new-one", Version: "1.0.0", Layer: "addon", Digest: zip, ContentDigest: "h1:new", MediaType: "application/zip"},
		Lease:   lease,
	}); err != nil || outcome != db.Created {
		t.Errorf("publish after the import: %v %v", outcome, err)
	}
	blob := pack.Digest(sqlcat.BulkDigest("blob", 1)) // a row keeps it
	if err := d.PutOCIBlob(ctx, "new/image", db.OCILink{Digest: string(blob), Blob: blob, Size: 3}, ""); err != nil {
		t.Error(err)
	}
	list, _, err := d.Changes(ctx, before, "*", 10)
	if err != nil || len(list) != 1 || list[0].Seq != before.Seq+1 {
		t.Errorf("changes after the import: %+v %v", list, err)
	}
}

// TestPortRefuses: what cannot be read is told, and leaves nothing.
func TestPortRefuses(t *testing.T) {
	d := sqlitePort(t).open()
	h := db.ExportHeader{Schema: 1, Birth: "a", Head: db.Mark{Seq: 0, Mark: "a"}}
	change := []any{int64(0), "a", "", "", "", "", "", "", "", int64(0), int64(0), ""}
	columns := []string{"seq", "mark", "type", "namespace", "name", "version", "tag", "digest", "content_digest", "revision", "at", "by_whom"}
	blob := pack.Digest(sqlcat.BulkDigest("blob", 1))
	for want, source := range map[string]func(db.ExportSink) error{
		"is empty":         func(db.ExportSink) error { return nil },
		"no header":        func(s db.ExportSink) error { return s.Table("packs", nil) },
		"knows only up to": func(s db.ExportSink) error { return s.Begin(db.ExportHeader{Schema: 1000}) },
		`table "sausages"`: func(s db.ExportSink) error { return errors.Join(s.Begin(h), s.Table("sausages", nil)) },
		"twice": func(s db.ExportSink) error {
			return errors.Join(s.Begin(h), s.Table("tags", nil), s.Table("tags", nil))
		},
		"tags.colour":            func(s db.ExportSink) error { return errors.Join(s.Begin(h), s.Table("tags", []string{"colour"})) },
		"before the first table": func(s db.ExportSink) error { return errors.Join(s.Begin(h), s.Row(nil)) },
		"1 values and not 2": func(s db.ExportSink) error {
			return errors.Join(s.Begin(h), s.Table("tags", []string{"tag", "pack_id"}), s.Row([]any{"x"}))
		},
		"a pack_id that is no int": func(s db.ExportSink) error {
			return errors.Join(s.Begin(h), s.Table("tags", []string{"tag", "pack_id"}), s.Row([]any{"x", "y"}))
		},
		"has no tag": func(s db.ExportSink) error {
			return errors.Join(s.Begin(h), s.Table("tags", []string{"tag", "pack_id"}), s.Row([]any{nil, int64(1)}))
		},
		"newest change": func(s db.ExportSink) error {
			return errors.Join(s.Begin(db.ExportHeader{Schema: 1, Head: db.Mark{Seq: 1, Mark: "b"}}), s.Table("changes", columns), s.Row(change))
		},
		"U+001F": func(s db.ExportSink) error {
			bad := slices.Clone(change)
			bad[8] = "x\x1f5"
			return errors.Join(s.Begin(h), s.Table("changes", columns), s.Row(bad))
		},
		"is not in its list": func(s db.ExportSink) error {
			return errors.Join(s.Begin(h), s.Table("changes", columns), s.Row(change), s.Table("oci_repositories", []string{"id", "name"}), s.Row([]any{int64(1), "r"}),
				s.Table("oci_blobs", []string{"repository_id", "digest", "blob", "size", "put_at"}), s.Row([]any{int64(1), string(blob), string(blob), int64(1), int64(1)}))
		},
		"do not stand between": func(s db.ExportSink) error { return errors.Join(s.Begin(h), s.Table("tags", nil), s.Blob(blob, 1)) },
	} {
		err := d.Import(t.Context(), source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if err := d.Vacant(t.Context()); err != nil {
			t.Errorf("after %q: %v", want, err)
		}
	}
	birth, err := d.Head(t.Context())
	if err != nil || birth.Seq != 0 {
		t.Errorf("head %+v %v", birth, err)
	}
	// An export without a column that came later: the rest is taken, and the column gets its default.
	err = d.Import(t.Context(), func(s db.ExportSink) error {
		return errors.Join(s.Begin(h), s.Table("oci_repositories", []string{"id", "name"}), s.Row([]any{int64(7), "r"}), s.Table("changes", columns), s.Row(change))
	})
	if head, headErr := d.Head(t.Context()); err != nil || headErr != nil || head != h.Head {
		t.Errorf("import of an older schema: %v; head %+v %v", err, head, headErr)
	}
}

// TestExportIsOfOneInstant: what is written while it runs is not in it, and does not wait for it.
func TestExportIsOfOneInstant(t *testing.T) {
	eachCatalogue(t, func(t *testing.T, c *sqlcat.Catalogue) {
		publishOne(t, c)
		before := &recording{}
		if err := c.Export(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		during := &recording{}
		err := c.Export(t.Context(), writing{during, func(table string) error {
			return c.PutAccount(context.WithoutCancel(t.Context()), db.Account{Name: table, Hash: "x", Role: "reader"})
		}})
		if diff := cmp.Diff(before.lines, during.lines); err != nil || diff != "" {
			t.Errorf("%v (-before +during):\n%s", err, diff)
		}
		if list, err := c.ListAccounts(t.Context()); err != nil || len(list) == 0 {
			t.Errorf("nothing was written: %v", err)
		}
	})
}
