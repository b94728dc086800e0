package sqlcat

import (
	"context"
	"slices"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Import implements db.Porter.
func (c *Catalogue) Import(ctx context.Context, source func(db.ExportSink) error) error {
	err := c.b.Write(ctx, func(tx Tx) error {
		if err := vacant(ctx, tx); err != nil {
			return err
		}
		in := &importer{c: c, ctx: ctx, tx: tx, blobs: map[pack.Digest]bool{}}
		if err := source(in); err != nil {
			return err
		}
		return in.finish()
	})
	if err == nil {
		c.hub.Notify()
	}
	return err
}

// importer is the sink that writes.
type importer struct {
	c     *Catalogue
	ctx   context.Context // of the one transaction
	tx    Tx
	begun bool
	head  db.Mark

	blobs   map[pack.Digest]bool // those the export names
	pending []string             // of them, not locked yet

	done  []string // the tables that were there
	table *importTable
}

func exportInvalid(format string, args ...any) error {
	return pack.Errorf(pack.KindInvalid, "export_invalid", format, args...)
}

// Begin implements db.ExportSink.
func (in *importer) Begin(h db.ExportHeader) error {
	var known int64
	if err := in.tx.QueryRow(in.ctx, schemaQuery).Scan(&known); err != nil {
		return notMissing(err)
	}
	if h.Schema > int(known) {
		return exportInvalid("the export has schema %d and this release knows only up to %d: restore it with the release that made it, or a newer one", h.Schema, known)
	}
	in.begun, in.head = true, h.Head
	// The birth that the new database gave itself gives way to that of the export.
	_, err := in.tx.Exec(in.ctx, `DELETE FROM changes WHERE seq = 0`)
	return err
}

// Blob implements db.ExportSink.
func (in *importer) Blob(d pack.Digest, _ int64) error {
	if _, err := pack.ParseDigest(string(d)); err != nil {
		return err
	}
	if !in.begun || in.table != nil {
		return exportInvalid("the blobs of the export do not stand between its header and its tables")
	}
	if n := len(in.pending); n > 0 && in.pending[n-1] >= string(d) {
		return exportInvalid("the blobs of the export are not in order")
	}
	in.blobs[d] = true
	in.pending = append(in.pending, string(d))
	if len(in.pending) < importRows {
		return nil
	}
	return in.keepBlobs()
}

// keepBlobs does for many blobs what Catalogue.keepBlobs does, of which none has a row that names it yet.
func (in *importer) keepBlobs() error {
	n := len(in.pending)
	if n == 0 {
		return nil
	}
	if err := lockBlobs(in.ctx, in.tx, in.pending); err != nil {
		return err
	}
	leased, err := readTexts(in.tx.Query(in.ctx, `SELECT DISTINCT digest FROM leases WHERE digest BETWEEN $1 AND $2 AND expires_at > $3`,
		in.pending[0], in.pending[n-1], micros(in.c.now())))
	if err != nil {
		return err
	}
	slices.Sort(leased)
	for _, d := range in.pending {
		if _, ok := slices.BinarySearch(leased, d); !ok {
			return leaseLost()
		}
	}
	in.pending = in.pending[:0]
	return nil
}

// Table implements db.ExportSink.
func (in *importer) Table(name string, columns []string) error {
	if !in.begun {
		return exportInvalid("the export has no header")
	}
	if err := in.endTable(); err != nil {
		return err
	}
	if slices.Contains(in.done, name) {
		return exportInvalid("the export has the table %q twice", name)
	}
	all := portTables()
	i := slices.IndexFunc(all, func(t portTable) bool { return t.name == name })
	if i < 0 {
		return exportInvalid("the export has a table %q, which this release does not know", name)
	}
	t, err := newImportTable(all[i], columns)
	in.done, in.table = append(in.done, name), t
	return err
}

// Row implements db.ExportSink.
func (in *importer) Row(values []any) error {
	if in.table == nil {
		return exportInvalid("the export has a row before the first table")
	}
	full, err := in.table.add(values)
	if err != nil || !full {
		return err
	}
	return in.table.write(in.ctx, in.tx)
}

func (in *importer) endTable() error {
	if in.table == nil {
		return in.keepBlobs() // they come before the first table
	}
	if err := in.table.write(in.ctx, in.tx); err != nil {
		return err
	}
	if in.table.drawsIDs() && in.c.b.Dialect().Name == "postgres" {
		// SQLite goes on after the highest id by itself.
		name := in.table.name
		_, err := in.tx.Exec(in.ctx, `SELECT setval(pg_get_serial_sequence('`+name+`', 'id'), (SELECT max(id) FROM `+name+`))`)
		return err
	}
	return nil
}

// finish writes what is left, and what is derived.
func (in *importer) finish() error {
	if !in.begun {
		return exportInvalid("the export is empty")
	}
	if err := in.endTable(); err != nil {
		return err
	}
	err := eachBlob(in.ctx, in.tx, keptBlobsQuery, func(d pack.Digest, _ int64) error {
		if !in.blobs[d] {
			return exportInvalid("a row of the export names the blob %s, which is not in its list", d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := in.index(); err != nil {
		return err
	}
	there, err := holds(in.tx.QueryRow(in.ctx, `SELECT 1 FROM changes WHERE seq = $1 AND mark = $2`, in.head.Seq, in.head.Mark))
	if err == nil && !there {
		err = exportInvalid("the newest change of the export's header is not in it")
	}
	if err != nil {
		return err
	}
	// Last, as everywhere. Somebody who has pushed meanwhile was there first.
	n, err := in.tx.Exec(in.ctx, `UPDATE feed SET head = $1, mark = $2 WHERE id = 1 AND head = 0`, in.head.Seq, in.head.Mark)
	if err == nil && n == 0 {
		return ErrAgain
	}
	return err
}

// index makes the search index of all packs.
func (in *importer) index() error {
	rows, err := in.tx.Query(in.ctx, `SELECT p.id, p.namespace, p.name, v.id, v.revision FROM packs p LEFT JOIN versions v ON v.id = p.newest_id ORDER BY p.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	type packRow struct {
		doc searchDoc
		m   *member
	}
	var packs []packRow
	for rows.Next() {
		p := packRow{doc: searchDoc{NewPack: true}}
		var version, revision *int64
		if err := rows.Scan(&p.doc.PackID, &p.doc.Namespace, &p.doc.Name, &version, &revision); err != nil {
			return err
		}
		if version != nil && revision != nil {
			p.m = &member{id: *version, revision: *revision}
		}
		packs = append(packs, p)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows.Close()
	for _, p := range packs {
		if p.m == nil { // all its versions are deleted; its name stays known
			var grams gramRows
			grams.add(p.doc.Name)
			if err := grams.insert(in.ctx, in.tx); err != nil {
				return err
			}
			continue
		}
		if p.doc.Newest, p.doc.Readme, err = loadNewest(in.ctx, in.tx, p.m); err != nil {
			return err
		}
		if err := in.c.indexPack(in.ctx, in.tx, p.doc); err != nil {
			return err
		}
	}
	if in.c.b.Dialect().Name == "postgres" {
		return nil
	}
	return optimizeTerms(in.ctx, in.tx)
}
