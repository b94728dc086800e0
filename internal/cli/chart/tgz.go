package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"packregistry/internal/pack"
)

// Pack writes the directory of a chart as a .tgz: all files but those of .helmignore, below a folder of the chart's name.
// The same files give the same bytes. What is wrong with the directory is pack.KindInvalid or pack.KindBadPack.
func Pack(ctx context.Context, dir string, w io.Writer) (int64, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, pack.Wrap(pack.KindInvalid, err, "the chart %s cannot be read", dir)
	}
	defer root.Close()
	meta, err := readFile(root, "Chart.yaml", maxMeta)
	if err != nil {
		return 0, err
	}
	var m Metadata
	if err := decode(meta, &m); err != nil {
		return 0, bad("Chart.yaml of %s cannot be read: %s", dir, err)
	}
	if m.Name == "" || strings.ContainsAny(string(m.Name), `/\:`) || m.Name == "." || m.Name == ".." {
		return 0, bad("Chart.yaml of %s says no usable name", dir)
	}
	ignored, err := readHelmIgnore(root)
	if err != nil {
		return 0, err
	}
	counted := &countedWriter{w: w}
	gz := gzip.NewWriter(counted)
	p := &packer{ctx: ctx, root: root, ignored: ignored, tar: tar.NewWriter(gz), top: string(m.Name), left: maxUnpacked}
	if err := p.directory("."); err != nil {
		return 0, err
	}
	if err := errors.Join(p.tar.Close(), gz.Close()); err != nil {
		return 0, err
	}
	if counted.n > MaxArchive {
		return 0, tooLarge()
	}
	return counted.n, nil
}

const (
	maxUnpacked = 256 << 20 // bytes of a chart's files
	maxFiles    = 20_000
)

type packer struct {
	ctx     context.Context
	root    *os.Root
	ignored []helmPattern
	tar     *tar.Writer
	top     string
	left    int64 // bytes
	files   int
}

// directory writes what is below one directory, in byte order of the names.
func (p *packer) directory(dir string) error {
	if strings.Count(dir, "/") >= maxDepth {
		return pack.Errorf(pack.KindInvalid, "", "the chart's directory is deeper than %d; does a link lead back into it?", maxDepth)
	}
	d, err := p.root.Open(filepath.FromSlash(dir))
	if err != nil {
		return unreadable(dir, err)
	}
	names, err := d.Readdirnames(maxFiles + 1)
	d.Close()
	if err != nil && !errors.Is(err, io.EOF) {
		return unreadable(dir, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := p.entry(path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) entry(at string) error {
	if err := p.ctx.Err(); err != nil {
		return context.Cause(p.ctx)
	}
	if p.files++; p.files > maxFiles {
		return pack.Errorf(pack.KindInvalid, "", "the chart's directory holds more than %d files", maxFiles)
	}
	info, err := p.root.Stat(filepath.FromSlash(at)) // a link counts as what it leads to, inside the chart
	if err != nil {
		return unreadable(at, err)
	}
	switch {
	case path.Base(at) == ".git", ignoredBy(p.ignored, at, info.IsDir()):
		return nil
	case info.IsDir():
		return p.directory(at)
	case !info.Mode().IsRegular():
		return pack.Errorf(pack.KindInvalid, "", "%s in the chart is no plain file", at)
	}
	return p.file(at, info.Size())
}

func (p *packer) file(at string, size int64) error {
	if p.left -= size; p.left < 0 {
		return pack.Errorf(pack.KindInvalid, "", "the files of the chart are over %d MiB together", maxUnpacked>>20)
	}
	f, err := p.root.Open(filepath.FromSlash(at))
	if err != nil {
		return unreadable(at, err)
	}
	defer f.Close()
	if err := p.tar.WriteHeader(header(p.top+"/"+at, size)); err != nil {
		return err
	}
	n, err := io.Copy(p.tar, &bounded{ctx: p.ctx, r: io.LimitReader(f, size+1), left: size + 1})
	if n < size && err == nil || errors.Is(err, tar.ErrWriteTooLong) {
		return pack.Errorf(pack.KindInvalid, "", "%s changed while it was being packed; try again when nothing writes to it", at)
	}
	return err
}

// header is that of a file, always the same.
func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0)}
}

// PackFiles makes the .tgz of a chart of a name from its files.
func PackFiles(name string, files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	t := tar.NewWriter(gz)
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if err := t.WriteHeader(header(name+"/"+p, int64(len(files[p])))); err != nil {
			return nil, err
		}
		if _, err := t.Write(files[p]); err != nil {
			return nil, err
		}
	}
	err := errors.Join(t.Close(), gz.Close())
	return out.Bytes(), err
}

func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, bad("%s of the chart is larger than %d MiB", name, limit>>20)
	}
	return b, err
}

func unreadable(at string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return pack.Wrap(pack.KindInvalid, err, "%s of the chart cannot be read: %s", at, err)
}

type countedWriter struct {
	w io.Writer
	n int64
}

func (c *countedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
