package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

var (
	errTooMany = errors.New("more has changed than is worth advancing")
	errLine    = pack.Errorf(pack.KindInternal, "", "a line of the catalogue does not begin with its pack")
)

// appendLine appends a version as a line of the catalogue.
func appendLine(b []byte, v *pack.Version) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, pack.Wrap(pack.KindInternal, err, "a version cannot be written as JSON")
	}
	return append(append(b, text...), '\n'), nil
}

// lastLine names the instant that the lines before it are of.
func lastLine(mark db.Mark) []byte {
	return []byte(`{"cursor":"` + db.EncodeCursor(mark) + "\"}\n")
}

// packOf reads the pack from a line. Namespaces and names need no escapes, and a version's
// JSON begins with them.
func packOf(line []byte) (db.PackName, error) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"namespace":"`))
	namespace, rest, ok2 := bytes.Cut(rest, []byte(`","name":"`))
	name, _, ok3 := bytes.Cut(rest, []byte(`"`))
	if !ok || !ok2 || !ok3 {
		return db.PackName{}, errLine
	}
	return db.PackName{Namespace: string(namespace), Name: string(name)}, nil
}

// byPack orders as the catalogue does.
func byPack(a, b db.PackName) int {
	if c := bytes.Compare([]byte(a.Namespace), []byte(b.Namespace)); c != 0 {
		return c
	}
	return bytes.Compare([]byte(a.Name), []byte(b.Name))
}
