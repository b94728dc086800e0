package sqlcat

import (
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

// changeQuery asks for each row as one text, for in both databases handing over a column costs more than reading it. $1 is
// the number asked from; where and limit may have parameters of their own.
func changeQuery(d Dialect, where, limit string) string {
	return `SELECT concat_ws(` + d.SeparatorSQL + `, head, mark, coalesce((SELECT mark FROM changes WHERE seq = $1), '')) FROM feed WHERE id = 1
 UNION ALL SELECT * FROM (SELECT concat_ws(` + d.SeparatorSQL + `, seq, mark, type, namespace, name, version, tag, digest, content_digest, revision, at, by_whom)
 FROM changes WHERE ` + where + `seq > $1 ORDER BY seq LIMIT ` + limit + `) page`
}

// isRound reports whether a limit is one of those that people and programs choose. It stands in the query then, which lets Postgres plan
// once; with a parameter it plans each time. They are few, for each makes a statement that is kept.
func isRound(limit int) bool {
	for limit >= 10 && limit%10 == 0 {
		limit /= 10
	}
	return limit == 1 || limit == 2 || limit == 5
}

// headParts and changeParts are how many parts the texts have. The last part of a change is who made it, and is
// whatever is left.
const headParts, changeParts = 3, 12

// parse reads a text of changeQuery.
func (r *changeRow) parse(text string, separator byte) error {
	var parts [changeParts]string
	n := 0
	for ; n < len(parts)-1; n++ {
		i := strings.IndexByte(text, separator)
		if i < 0 {
			break
		}
		parts[n], text = text[:i], text[i+1:]
	}
	parts[n] = text
	n++
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

// Borrowed is text in memory that will be written to again.
func Borrowed(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
