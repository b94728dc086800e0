package archive

import (
	"bytes"
	"strconv"
	"strings"
)

// maxPax bounds a pax or GNU long-name header, as archive/tar does.
const maxPax = 1 << 20

// pax is what matters of a pax header's records.
type pax struct {
	path    string
	hasPath bool
	size    int64
	hasSize bool
	mtime   int64
	hasTime bool
	sparse  bool
	other   bool // a record that would change an entry in another way
}

// readPax reads the records "length key=value\n" (POSIX.1-2001 pax). It is false
// where readers would not agree.
func readPax(b []byte) (p pax, ok bool) {
	for len(b) > 0 {
		var key, value string
		if key, value, b, ok = paxRecord(b); !ok {
			return p, false
		}
		switch key {
		case "path":
			if p.hasPath || value == "" || strings.Contains(value, "\x00") {
				return p, false
			}
			p.path, p.hasPath = value, true
		case "size":
			n, good := decimal(value)
			if p.hasSize || !good {
				return p, false
			}
			p.size, p.hasSize = n, true
		case "mtime":
			if p.mtime, ok = paxTime(value); !ok {
				return p, false
			}
			p.hasTime = true
		case "atime", "ctime":
			if _, ok = paxTime(value); !ok {
				return p, false
			}
		case "uid", "gid":
			if _, good := decimal(strings.TrimPrefix(value, "-")); !good {
				return p, false
			}
		case "linkpath", "hdrcharset", "uname", "gname":
			if strings.Contains(value, "\x00") {
				return p, false
			}
			p.other = p.other || key == "linkpath" || key == "hdrcharset"
		default:
			p.sparse = p.sparse || strings.HasPrefix(key, "GNU.sparse.") || key == "SCHILY.realsize"
			p.other = p.other || strings.HasPrefix(key, "GNU.volume.")
		}
	}
	return p, true
}

// paxRecord takes one record off b.
func paxRecord(b []byte) (key, value string, rest []byte, ok bool) {
	space := bytes.IndexByte(b[:min(len(b), 9)], ' ')
	if space <= 0 {
		return "", "", nil, false
	}
	n, good := decimal(string(b[:space]))
	if !good || b[0] == '0' || n > int64(len(b)) || n < int64(space)+2 || b[n-1] != '\n' {
		return "", "", nil, false
	}
	key, value, ok = strings.Cut(string(b[space+1:n-1]), "=")
	if !ok || key == "" || strings.Contains(key, "\x00") {
		return "", "", nil, false
	}
	return key, value, b[n:], true
}

// decimal reads digits and nothing else.
func decimal(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// paxTime reads seconds with an optional fraction, which is dropped.
func paxTime(s string) (int64, bool) {
	s, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(s, ".")
	n, ok := decimal(whole)
	if !ok || strings.Trim(fraction, "0123456789") != "" {
		return 0, false
	}
	if negative {
		n = -n
	}
	return n, true
}
