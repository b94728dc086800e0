package backup

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

const (
	manifestName   = "manifest.json"
	catalogueName  = "catalogue.jsonl.gz"
	manifestFormat = "pack-registry-backup/1"
)

// Manifest says what a backup holds.
type Manifest struct {
	Format  string    `json:"format"`
	Name    string    `json:"name"`
	TakenAt time.Time `json:"takenAt"`
	// Program is the release that made it.
	Program string `json:"program"`
	// Registry tells registries apart, and stays through restores: the mark of the feed's birth.
	Registry string `json:"registry"`
	Schema   int    `json:"schema"`
	// Cursor is the newest change in it: cursors up to it go on after a restore.
	Cursor string `json:"cursor"`
	Seq    int64  `json:"seq"`

	Catalogue File `json:"catalogue"`
	// Rows are those of each table.
	Rows  map[string]int64 `json:"rows"`
	Blobs int              `json:"blobs"`
	Bytes int64            `json:"bytes"` // of the blobs
}

// File is the export of the catalogue, as it lies on the disk.
type File struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

func readManifest(root, name string) (*Manifest, error) {
	path := filepath.Join(root, backupsDir, name, manifestName)
	var m Manifest
	err := readJSON(path, &m)
	if errors.Is(err, fs.ErrNotExist) {
		err = damaged(err, "the backup %s is damaged: its manifest is missing", name)
	}
	if err != nil {
		return nil, err
	}
	if m.Format != manifestFormat {
		return nil, damaged(nil, "%s has the format %q, this release reads %s", path, m.Format, manifestFormat)
	}
	if m.Name != name {
		return nil, damaged(nil, "%s is of the backup %q", path, m.Name)
	}
	return &m, nil
}

// describe fills in what an export held.
func (m *Manifest) describe(c *contents) {
	m.Format, m.Registry, m.Schema = manifestFormat, c.header.Birth, c.header.Schema
	m.Cursor, m.Seq = db.EncodeCursor(c.header.Head), c.header.Head.Seq
	m.Rows, m.Blobs, m.Bytes = c.rows, len(c.blobs), c.bytes()
}

// same reports whether the manifest describes the export.
func (m *Manifest) same(c *contents) bool {
	var d Manifest
	d.describe(c)
	return m.Registry == d.Registry && m.Schema == d.Schema && m.Cursor == d.Cursor && m.Seq == d.Seq &&
		maps.Equal(m.Rows, d.Rows) && m.Blobs == d.Blobs && m.Bytes == d.Bytes
}

// read hands the export of a backup to the sink, and checks it on the way: only when it returns nil was all of it right.
// An error of the sink comes back as it is.
func (m *Manifest) read(root string, to db.ExportSink) (*contents, error) {
	path := filepath.Join(root, backupsDir, m.Name, catalogueName)
	c, err := m.readFile(path, to)
	var of sinkError
	if errors.As(err, &of) {
		return nil, of.error
	}
	if err != nil {
		return nil, damaged(err, "the backup %s is damaged: %s cannot be trusted", m.Name, path)
	}
	return c, nil
}

func (m *Manifest) readFile(path string, to db.ExportSink) (*contents, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	raw := io.TeeReader(f, sum)
	c, readErr := readGzip(raw, to)
	var of sinkError
	if errors.As(readErr, &of) {
		return nil, readErr
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != m.Catalogue.SHA256 {
		return nil, fmt.Errorf("its SHA-256 is %s and should be %s", got, m.Catalogue.SHA256)
	}
	if readErr != nil {
		return nil, readErr
	}
	if !m.same(c) {
		return nil, fmt.Errorf("%s does not describe it", manifestName)
	}
	return c, nil
}

func readGzip(r io.Reader, to db.ExportSink) (*contents, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return readLines(z, to)
}

// choose finds a backup by name, "" being the newest.
func choose(root, name string) (*Manifest, error) {
	names, err := list(root)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, pack.Errorf(pack.KindNotFound, "no_backups", "%s holds no backups", root)
	}
	if name == "" {
		name = names[len(names)-1]
	}
	for _, n := range names {
		if n == name {
			return readManifest(root, name)
		}
	}
	return nil, pack.Errorf(pack.KindNotFound, "no_such_backup", "%s holds no backup %s; there are: %s", root, name, someOf(names))
}
