package sqlcat

import (
	"database/sql"
	"strconv"
	"strings"
	"unsafe"

	"packregistry/internal/pack"
)

// changeRow is a row of the answer to EachChange's question. The first one is the head: of the change it has the number only, and
// asked is the mark of the number that is asked from. Its texts are true until the next row.
type changeRow struct {
	isHead      bool
	mark, asked string
	change      pack.Change
}

// changeColumns asks for columns.
func changeColumns(where string) (query string, read func(Rows, *changeRow) error) {
	var kind, seq, revision, at int64
	var mark, typ, namespace, name, version, tag, digest, content, by sql.RawBytes
	places := []any{&kind, &seq, &mark, &typ, &namespace, &name, &version, &tag, &digest, &content, &revision, &at, &by}
	read = func(rows Rows, r *changeRow) error {
		if err := rows.ScanRaw(places...); err != nil {
			return err
		}
		r.isHead, r.mark, r.asked = kind == 0, borrowed(mark), borrowed(namespace)
		r.change = pack.Change{
			Seq: seq, Type: pack.ChangeType(borrowed(typ)), Namespace: borrowed(namespace), Name: borrowed(name), Version: borrowed(version),
			Tag: borrowed(tag), Digest: pack.Digest(borrowed(digest)), ContentDigest: borrowed(content), Revision: int(revision),
			At: fromMicros(at), By: borrowed(by),
		}
		return nil
	}
	return `SELECT 0, head, mark, '', (SELECT mark FROM changes WHERE seq = $1), '', '', '', '', '', 0, 0, '' FROM feed WHERE id = 1
 UNION ALL SELECT * FROM (SELECT 1, seq, mark, type, namespace, name, version, tag, digest, content_digest, revision, at, by_whom
 FROM changes WHERE ` + where + `seq > $1 ORDER BY seq LIMIT $2) page`, read
}

// changeTexts asks for each row as one text, with a NUL between its parts: no text that can be stored holds one. In SQLite handing over a
// column costs more than reading it.
func changeTexts(where string) (query string, read func(Rows, *changeRow) error) {
	var text string
	places := []any{&text}
	read = func(rows Rows, r *changeRow) error {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		return r.parse(text)
	}
	return `SELECT concat_ws(char(0), head, mark, coalesce((SELECT mark FROM changes WHERE seq = $1), '')) FROM feed WHERE id = 1
 UNION ALL SELECT * FROM (SELECT concat_ws(char(0), seq, mark, type, namespace, name, version, tag, digest, content_digest, revision, at, by_whom)
 FROM changes WHERE ` + where + `seq > $1 ORDER BY seq LIMIT $2) page`, read
}

// headParts and changeParts are how many parts the texts have.
const headParts, changeParts = 3, 12

// parse reads a text of changeTexts.
func (r *changeRow) parse(text string) error {
	var parts [changeParts]string
	n := 0
	for more := true; more; n++ {
		if n == len(parts) {
			return unreadableChange()
		}
		parts[n], text, more = strings.Cut(text, "\x00")
	}
	var err error
	number := func(part string) int64 {
		v, e := strconv.ParseInt(part, 10, 64)
		if e != nil {
			err = unreadableChange()
		}
		return v
	}
	r.isHead, r.mark = n == headParts, parts[1]
	switch n {
	case headParts:
		r.asked, r.change = parts[2], pack.Change{Seq: number(parts[0])}
	case changeParts:
		r.change = pack.Change{
			Seq: number(parts[0]), Type: pack.ChangeType(parts[2]), Namespace: parts[3], Name: parts[4], Version: parts[5],
			Tag: parts[6], Digest: pack.Digest(parts[7]), ContentDigest: parts[8], Revision: int(number(parts[9])),
			At: fromMicros(number(parts[10])), By: parts[11],
		}
	default:
		return unreadableChange()
	}
	return err
}

func unreadableChange() error {
	return pack.Errorf(pack.KindInternal, "", "the feed holds a change that no release has written")
}

// borrowed is text in memory that will be written to again.
func borrowed(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
