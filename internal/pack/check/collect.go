package check

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
)

// collector takes what the rules need from the entries as they come by. Where the
// pack's root lies is known only at the end, so it keeps the special files of both
// possible roots; of the second, the top folder, only as long as it is the only one.
type collector struct {
	files  []pack.File     // paths as in the archive
	dirs   map[string]bool // every path that something is below, and explicit directories
	folder string          // the first top folder seen
	single bool            // all entries so far are in folder
	inRoot specials
	inTop  specials

	large    *claim // taken before much of a file is held
	unpacked int64
	hash     hash.Hash
	buffer   []byte
}

// specials are the files of a pack that the rules read.
type specials struct {
	packJSON, values, schema, presets, readme *held
	logo                                      *logo
}

// held is the beginning of a file.
type held struct {
	text []byte
	over bool // the file is longer than what may be held
}

func newCollector(large *claim) *collector {
	return &collector{large: large, dirs: map[string]bool{}, single: true, hash: sha256.New(), buffer: make([]byte, 32<<10)}
}

// visit is the callback of archive.Walk.
func (c *collector) visit(ctx context.Context, e *archive.Entry, body io.Reader) error {
	top, rest, below := strings.Cut(e.Path, "/")
	switch {
	case !below && !e.Dir:
		c.leaveFolder()
	case c.folder == "":
		c.folder = top
	case c.folder != top:
		c.leaveFolder()
	}
	c.addDirs(e)
	if e.Dir {
		return nil
	}
	var sp *specials
	name := e.Path
	switch {
	case !below:
		sp = &c.inRoot
	case c.single && !strings.Contains(rest, "/"):
		sp, name = &c.inTop, rest
	}
	size, sum, err := c.read(sp, name, body)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.unpacked += size
	c.files = append(c.files, pack.File{
		Path: e.Path, Size: size, SHA256: sum, Executable: e.Executable,
		Offset: e.Offset, Compressed: e.Compressed, Method: e.Method, CRC32: e.CRC32,
	})
	return nil
}

// leaveFolder notes that the pack is not in a single top folder, and forgets what
// was held for that.
func (c *collector) leaveFolder() {
	c.single = false
	c.inTop = specials{}
}

func (c *collector) addDirs(e *archive.Entry) {
	dir := e.Path
	if !e.Dir {
		dir = parent(dir)
	}
	for dir != "" && !c.dirs[dir] {
		c.dirs[dir] = true
		dir = parent(dir)
	}
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return ""
	}
	return path[:i]
}

// read reads a body to its end while hashing, and holds what sp wants of it.
func (c *collector) read(sp *specials, name string, body io.Reader) (size int64, sum string, err error) {
	c.hash.Reset()
	counted := &countingReader{r: io.TeeReader(body, c.hash)}
	if sp != nil {
		if err := sp.take(name, counted, c.large); err != nil {
			return 0, "", err
		}
	}
	for err == nil {
		_, err = counted.Read(c.buffer)
	}
	if !errors.Is(err, io.EOF) {
		return 0, "", err
	}
	return counted.n, hex.EncodeToString(c.hash.Sum(nil)), nil
}

// take holds the file if the rules read it.
func (s *specials) take(name string, r io.Reader, large *claim) (err error) {
	switch {
	case name == packJSON:
		s.packJSON, err = hold(r, maxPackJSON, large)
	case name == valuesYAML:
		s.values, err = hold(r, maxValues, large)
	case name == schemaYAML:
		s.schema, err = hold(r, maxAux, large)
	case name == presetsYAML:
		s.presets, err = hold(r, maxAux, large)
	case strings.EqualFold(name, "README.md"):
		s.readme, err = hold(r, maxReadme, large)
	case name == logoPNG:
		l := readLogo(r)
		s.logo = &l
	}
	return err
}

// little is how much of a file any inspection may hold; for more it must have its turn.
const little = 128 << 10

func hold(r io.Reader, limit int64, large *claim) (*held, error) {
	var buf bytes.Buffer
	_, err := io.Copy(&buf, io.LimitReader(r, min(limit+1, little)))
	if err == nil && limit >= little && buf.Len() == little {
		if err = large.take(); err == nil {
			_, err = io.Copy(&buf, io.LimitReader(r, limit+1-little))
		}
	}
	if err != nil {
		return nil, err
	}
	if int64(buf.Len()) > limit {
		return &held{text: buf.Bytes()[:limit], over: true}, nil
	}
	return &held{text: buf.Bytes()}, nil
}

// root decides where the pack is: at the archive's root if there is a pack.json, else
// in its single top folder. The folder is "" for the former.
func (c *collector) root() (*specials, string, error) {
	switch {
	case c.inRoot.packJSON != nil:
		return &c.inRoot, "", nil
	case c.single && c.inTop.packJSON != nil:
		return &c.inTop, c.folder, nil
	}
	for _, f := range c.files {
		name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
		if strings.EqualFold(name, packJSON) {
			return nil, "", fmt.Errorf("there is %s, but pack.json must be at the archive's root or in its single top folder", quote(f.Path))
		}
	}
	return nil, "", errors.New("there is no pack.json at the archive's root or in its single top folder")
}

// countingReader counts, and repeats an error for ever: a decoder of a header may
// have swallowed it.
type countingReader struct {
	r   io.Reader
	n   int64
	err error
}

func (c *countingReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.err = err
	return n, err
}
