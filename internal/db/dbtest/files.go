package dbtest

import (
	"fmt"
	"testing"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

func fileTests() []test {
	return []test{
		{"listed and found", fileLookup},
		{"found by hash in any revision", fileByHash},
		{"many", fileMany},
	}
}

func fileLookup(t *testing.T, env Env) {
	ctx := t.Context()
	p := publication("default", "filed", "1.0.0", "one")
	p.Files = []pack.File{
		{Path: "values.yaml", Size: 1 << 40, SHA256: hexOf("a"), Executable: true, Offset: 1 << 41, Compressed: 1 << 39, Method: 8, CRC32: 1<<32 - 1},
		{Path: "Z.txt", Size: 0, SHA256: hexOf(""), Method: 0},
		{Path: "charts/ä.tgz", Size: 5, SHA256: hexOf("b"), Offset: 7, Compressed: 5},
		{Path: "charts-old", Size: 5, SHA256: hexOf("b"), Offset: 12, Compressed: 5},
	}
	v := publish(t, env.DB, p, db.Created)
	same(t, "files", []pack.File{p.Files[1], p.Files[3], p.Files[2], p.Files[0]}, must(env.DB.Files(ctx, v.RevisionID))(t))
	for i := range p.Files {
		same(t, "file", &p.Files[i], must(env.DB.File(ctx, v.RevisionID, p.Files[i].Path))(t))
	}
	for _, path := range []string{"z.txt", "charts", "", "charts/%", "values.yaml\x00"} {
		_, err := env.DB.File(ctx, v.RevisionID, path)
		wantKind(t, err, pack.KindNotFound, "file_not_found")
	}
	_, err := env.DB.File(ctx, v.RevisionID+1000, "Z.txt")
	wantKind(t, err, pack.KindNotFound, "file_not_found")
}

func fileByHash(t *testing.T, env Env) {
	ctx := t.Context()
	vs := overwrite(t, env.DB, "hashed", "one", "two")
	push(t, env.DB, "default", "hashed", "2.0.0")
	push(t, env.DB, "default", "other", "1.0.0")
	for i, content := range []string{"one", "two"} {
		v, f, err := env.DB.FileBySHA256(ctx, "default", "hashed", hexOf(content))
		ok(t, err)
		same(t, "revision", vs[i].Revision, v.Revision)
		same(t, "digest", vs[i].Digest, v.Digest)
		same(t, "path", "values.yaml", f.Path)
	}
	for _, hash := range []string{hexOf("other1.0.0"), hexOf("nothing"), "", "xyz", hexOf("one")[:63]} {
		_, _, err := env.DB.FileBySHA256(ctx, "default", "hashed", hash)
		wantKind(t, err, pack.KindNotFound, "file_not_found")
	}
}

func fileMany(t *testing.T, env Env) {
	p := publication("default", "many", "1.0.0", "many")
	p.Files = nil
	for i := range 20_000 {
		p.Files = append(p.Files, pack.File{Path: fmt.Sprintf("files/%05d", i), Size: int64(i), SHA256: hexOf(fmt.Sprint(i)), Offset: int64(i)})
	}
	v := publish(t, env.DB, p, db.Created)
	files := must(env.DB.Files(t.Context(), v.RevisionID))(t)
	same(t, "number of files", len(p.Files), len(files))
	same(t, "the last", p.Files[len(p.Files)-1], files[len(files)-1])
}
