package sqlcat

import (
	"context"
	"database/sql"
	"encoding/hex"
	"strings"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// Export implements db.Porter.
func (c *Catalogue) Export(ctx context.Context, to db.ExportSink) error {
	return c.b.Read(ctx, func(tx Tx) error {
		h, err := readExportHeader(ctx, tx)
		if err != nil {
			return err
		}
		if err := to.Begin(h); err != nil {
			return err
		}
		if err := eachBlob(ctx, tx, keptBlobsQuery, to.Blob); err != nil {
			return err
		}
		for _, t := range portTables() {
			if err := to.Table(t.name, t.columnNames()); err != nil {
				return err
			}
			if err := exportTable(ctx, tx, t, to); err != nil {
				return err
			}
		}
		return nil
	})
}

func readExportHeader(ctx context.Context, tx Tx) (h db.ExportHeader, err error) {
	if h.Head, err = readHead(ctx, tx); err != nil {
		return h, err
	}
	if err := tx.QueryRow(ctx, `SELECT mark FROM changes WHERE seq = 0`).Scan(&h.Birth); err != nil {
		return h, notMissing(err)
	}
	var schema int64
	err = tx.QueryRow(ctx, schemaQuery).Scan(&schema)
	h.Schema = int(schema)
	return h, notMissing(err)
}

const schemaQuery = `SELECT max(version) FROM schema_history`

func exportTable(ctx context.Context, tx Tx, t portTable, to db.ExportSink) error {
	rows, err := tx.Query(ctx, `SELECT `+strings.Join(t.columnNames(), ", ")+` FROM `+t.name+` ORDER BY `+t.key)
	if err != nil {
		return err
	}
	defer rows.Close()
	cells := make([]exportCell, len(t.columns))
	dest, values := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i, column := range t.columns {
		dest[i] = cells[i].target(column)
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for i, column := range t.columns {
			values[i] = cells[i].value(column)
		}
		if err := to.Row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exportCell is where a value is scanned to.
type exportCell struct {
	text  sql.NullString
	n     sql.NullInt64
	yes   bool
	bytes []byte
}

func (e *exportCell) target(c portColumn) any {
	switch {
	case c.kind == portBool:
		return &e.yes
	case c.kind == portBytes:
		return &e.bytes
	case c.kind == portInt && c.null:
		return &e.n
	case c.kind == portInt:
		return &e.n.Int64
	case c.null:
		return &e.text
	}
	return &e.text.String
}

func (e *exportCell) value(c portColumn) any {
	switch {
	case c.kind == portBool:
		return e.yes
	case c.kind == portBytes:
		return hex.EncodeToString(e.bytes)
	case c.null && !e.n.Valid && !e.text.Valid:
		return nil
	case c.kind == portInt:
		return e.n.Int64
	}
	return e.text.String
}

// Vacant implements db.Porter.
func (c *Catalogue) Vacant(ctx context.Context) error { return vacant(ctx, c.b.Direct()) }

// vacant looks into each table; the birth of the feed is there from the start.
func vacant(ctx context.Context, tx Tx) error {
	for _, t := range portTables() {
		where := ""
		if t.name == "changes" {
			where = ` WHERE seq > 0`
		}
		found, err := holds(tx.QueryRow(ctx, `SELECT 1 FROM `+t.name+where+` LIMIT 1`))
		if err != nil {
			return err
		}
		if found {
			return pack.Errorf(pack.KindConflict, "catalogue_not_empty",
				"the registry is not empty, it has %s: a backup is restored only into one that has never been started", strings.ReplaceAll(t.name, "_", " "))
		}
	}
	return nil
}
