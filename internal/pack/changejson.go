package pack

import (
	"encoding/json"
	"strconv"
	"time"
)

// AppendJSON appends the change as json.Marshal would write it. Readers of the feed ask for
// thousands at once, and reflection costs more than the database.
func (c *Change) AppendJSON(b []byte) []byte {
	b = appendField(b, `{"type":`, string(c.Type))
	b = appendField(b, `,"namespace":`, c.Namespace)
	b = appendField(b, `,"name":`, c.Name)
	b = appendField(b, `,"version":`, c.Version)
	if c.Tag != "" {
		b = appendField(b, `,"tag":`, c.Tag)
	}
	if c.Digest != "" {
		b = appendField(b, `,"digest":`, string(c.Digest))
	}
	if c.ContentDigest != "" {
		b = appendField(b, `,"contentDigest":`, c.ContentDigest)
	}
	if c.Revision != 0 {
		b = strconv.AppendInt(append(b, `,"revision":`...), int64(c.Revision), 10)
	}
	b = append(b, `,"at":"`...)
	b = c.At.AppendFormat(b, time.RFC3339Nano)
	b = appendField(b, `","by":`, c.By)
	b = appendField(b, `,"cursor":`, c.Cursor)
	return append(b, '}')
}

func appendField(b []byte, key, value string) []byte {
	b = append(b, key...)
	for i := range len(value) {
		if ch := value[i]; ch < 0x20 || ch >= 0x7f || ch == '"' || ch == '\\' || ch == '<' || ch == '>' || ch == '&' {
			text, err := json.Marshal(value)
			if err != nil {
				panic(err) // a string is always JSON
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}
