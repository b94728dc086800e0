// Package check applies the rules of a pack to an archive: it reads every byte
// once and says what the pack is, which files it has, and what is wrong with it.
package check

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
)

// Report is what an inspection found. When Findings hold an error the other
// fields are what could be learnt up to it.
type Report struct {
	Format   pack.Format
	Metadata pack.Metadata
	// Root is the single top folder that holds the pack, without slash; "" when pack.json is at the root.
	Root string
	// Files are all regular files below the root, by path in byte order. For a tar.gz they have no place in a zip yet.
	Files []pack.File
	// ContentDigest is dirhash Hash1 (h1:) over Files.
	ContentDigest string
	// Findings of all severities, errors first, at most 100.
	Findings []pack.Finding
	// Readme is the text of README.md (any case), at most 64 KiB of it.
	Readme string
	// Unpacked is the sum of the sizes of all entries.
	Unpacked int64
}

// Valid reports whether the pack may be published.
func (r *Report) Valid() bool { return !pack.HasError(r.Findings) }

// Checker inspects archives. It is safe for concurrent use.
type Checker struct {
	limits archive.Limits
	schema *jsonschema.Schema
	// A few KB of archive can hold 8 MiB of values.yaml, and its tree costs more, so
	// few inspections at a time may hold much, and few may parse. The two are apart so that
	// a long archive with large files does not keep small ones waiting.
	large, parsing slots
}

// atOnce is how many inspections may hold large files at a time, and how many may parse.
const atOnce = 2

// New makes a Checker. It fails only when the embedded schema is broken.
func New(limits archive.Limits) (*Checker, error) {
	schema, err := compilePackSchema()
	if err != nil {
		return nil, err
	}
	return &Checker{limits: limits, schema: schema, large: make(slots, atOnce), parsing: make(slots, atOnce)}, nil
}

// Inspect reads the archive once and reports what it is. The error is only about
// what is not the pack's fault: reading failed, the context ended, or the bytes are neither
// zip nor tar.gz (KindUnsupported). A refused archive is a Report whose Findings say why.
func (c *Checker) Inspect(ctx context.Context, src io.ReaderAt, size int64) (*Report, error) {
	large := c.large.claim(ctx)
	defer large.release()
	col, f := newCollector(large), newFindings()
	format, err := archive.Walk(ctx, src, size, c.limits, func(e *archive.Entry, body io.Reader) error {
		return col.visit(ctx, e, body)
	})
	var refused *pack.Error
	complete := err == nil
	switch {
	case complete:
	case errors.As(err, &refused) && refused.Kind == pack.KindBadPack:
		f.merge(refused.Findings)
	default:
		return nil, err
	}
	r := &Report{Format: format, Unpacked: col.unpacked}
	sp, folder, err := col.root()
	if err != nil {
		if complete {
			f.add(ruleNoPackJSON, "", "", "%v", err)
		}
		r.Findings = f.sorted()
		return r, nil
	}
	r.Root = folder
	r.Files = filesBelow(col.files, folder)
	if complete {
		r.ContentDigest = contentDigest(r.Files)
	}
	parsing := c.parsing.claim(ctx)
	defer parsing.release()
	if err := parsing.take(); err != nil {
		return nil, err
	}
	c.checkSpecials(sp, col, r, complete, f)
	r.Findings = f.sorted()
	return r, nil
}

// filesBelow gives the files with their paths below the folder, in byte order.
func filesBelow(files []pack.File, folder string) []pack.File {
	if folder != "" {
		for i := range files {
			files[i].Path = strings.TrimPrefix(files[i].Path, folder+"/")
		}
	}
	slices.SortFunc(files, func(a, b pack.File) int { return strings.Compare(a.Path, b.Path) })
	return files
}
