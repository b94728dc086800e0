package sqlcat

import (
	"context"
	"encoding/hex"
	"errors"

	"packregistry/internal/pack"
)

const fileColumns = `f.path, f.size, f.sha256, f.executable, f.data_offset, f.compressed, f.method, f.crc32`

// scanFile reads fileColumns, after the destinations in before.
func scanFile(row Row, before ...any) (*pack.File, error) {
	var f pack.File
	var sum []byte
	var method, crc int64
	err := row.Scan(append(before, &f.Path, &f.Size, &sum, &f.Executable, &f.Offset, &f.Compressed, &method, &crc)...)
	if err != nil {
		return nil, err
	}
	f.SHA256, f.Method, f.CRC32 = hex.EncodeToString(sum), uint16(method), uint32(crc)
	return &f, nil
}

// insertFiles writes the files of a revision.
func insertFiles(ctx context.Context, tx Tx, packID, revisionID int64, files []pack.File) error {
	if len(files) == 0 {
		return nil
	}
	n := len(files)
	revisions, packs := make([]int64, n), make([]int64, n)
	paths, sums, executable := make([]string, n), make([][]byte, n), make([]bool, n)
	sizes, offsets, compressed := make([]int64, n), make([]int64, n), make([]int64, n)
	methods, crcs := make([]int64, n), make([]int64, n)
	for i, f := range files {
		sum, err := hex.DecodeString(f.SHA256)
		if err != nil || len(sum) != 32 {
			return pack.Errorf(pack.KindInternal, "", "the SHA-256 of the file %q is not 64 hex digits", f.Path)
		}
		if err := checkStorable(f.Path); err != nil {
			return err
		}
		revisions[i], packs[i], paths[i], sizes[i], sums[i] = revisionID, packID, f.Path, f.Size, sum
		executable[i], offsets[i], compressed[i] = f.Executable, f.Offset, f.Compressed
		methods[i], crcs[i] = int64(f.Method), int64(f.CRC32)
	}
	return tx.Insert(ctx, "files", "",
		Column{"revision_id", revisions}, Column{"path", paths}, Column{"pack_id", packs}, Column{"size", sizes},
		Column{"sha256", sums}, Column{"executable", executable}, Column{"data_offset", offsets},
		Column{"compressed", compressed}, Column{"method", methods}, Column{"crc32", crcs})
}

// Files implements db.Reader.
func (c *Catalogue) Files(ctx context.Context, revisionID int64) ([]pack.File, error) {
	rows, err := c.b.Direct().Query(ctx, `SELECT `+fileColumns+` FROM files f WHERE f.revision_id = $1 ORDER BY f.path`, revisionID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	files := []pack.File{}
	for rows.Next() {
		f, err := scanFile(rows)
		if err != nil {
			return nil, err
		}
		files = append(files, *f)
	}
	return files, rows.Err()
}

// File implements db.Reader.
func (c *Catalogue) File(ctx context.Context, revisionID int64, path string) (*pack.File, error) {
	if !storable(path) {
		return nil, fileNotFound(path)
	}
	f, err := scanFile(c.b.Direct().QueryRow(ctx,
		`SELECT `+fileColumns+` FROM files f WHERE f.revision_id = $1 AND f.path = $2`, revisionID, path))
	if errors.Is(err, ErrNoRows) {
		return nil, fileNotFound(path)
	}
	return f, err
}

// FileBySHA256 implements db.Reader. Of several such files it takes one of a current
// revision, the newest, and there the first path.
func (c *Catalogue) FileBySHA256(ctx context.Context, namespace, name, sha256 string) (*pack.Version, *pack.File, error) {
	sum, err := hex.DecodeString(sha256)
	if err != nil || len(sum) != 32 || !storable(namespace, name) {
		return nil, nil, fileNotFound("sha256:" + sha256)
	}
	var v *pack.Version
	var f *pack.File
	err = c.b.Read(ctx, func(tx Tx) error {
		l, err := readLineageByName(ctx, tx, namespace, name)
		if err != nil {
			return err
		}
		if len(l.members) == 0 {
			return packNotFound(namespace, name)
		}
		var revisionID int64
		f, err = scanFile(tx.QueryRow(ctx, `SELECT r.id, `+fileColumns+`
 FROM files f JOIN revisions r ON r.id = f.revision_id WHERE f.pack_id = $1 AND f.sha256 = $2
 ORDER BY CASE WHEN r.replaced_at IS NULL THEN 0 ELSE 1 END, r.id DESC, f.path LIMIT 1`, l.packID, sum), &revisionID)
		if errors.Is(err, ErrNoRows) {
			return fileNotFound("sha256:" + sha256)
		}
		if err != nil {
			return err
		}
		v, err = scanWhole(l, tx.QueryRow(ctx, wholeDocumentQuery+`WHERE r.id = $1`, revisionID))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return v, f, nil
}

func fileNotFound(path string) error {
	return pack.Errorf(pack.KindNotFound, "file_not_found", "the pack has no file %q", path)
}
