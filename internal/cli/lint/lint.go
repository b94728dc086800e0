// Package lint applies the server's own rules to packs on this machine, shows what they find in
// the forms that people and pipelines read, and mends what can be mended safely.
package lint

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/bundle"
	"packregistry/internal/pack/check"
)

// MaxArchive is the largest archive a server takes unless it is configured otherwise (design section 9), in bytes.
const MaxArchive = 256 << 20

// Finding is a finding with the place of it that people can open.
type Finding struct {
	pack.Finding
	Line int `json:"line,omitempty"` // of File, from 1; 0 when not known
}

// Result is what was found in one pack.
type Result struct {
	// Path is the directory or archive, as it was given.
	Path    string `json:"path"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Valid   bool   `json:"valid"`
	// Problem says why the pack could not be looked at; Err is its error. Then there are no Findings.
	Problem  string    `json:"problem,omitempty"`
	Findings []Finding `json:"findings"`
	// Fixed is what was mended before.
	Fixed []Fix `json:"fixed,omitempty"`

	Dir bool  `json:"-"` // Path is a directory
	Err error `json:"-"`
}

// Count tells how many findings have a severity.
func (r *Result) Count(s pack.Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Linter looks at packs, with the limits a server has by default.
type Linter struct {
	checker    *check.Checker
	limits     archive.Limits
	maxArchive int64
}

// New makes a Linter.
func New() (*Linter, error) {
	limits := archive.DefaultLimits()
	checker, err := check.New(limits)
	if err != nil {
		return nil, err
	}
	return &Linter{checker: checker, limits: limits, maxArchive: MaxArchive}, nil
}

// Lint looks at one directory or archive. It changes nothing. Of a directory it looks at the
// archive that a push would make of it. Its error is only about the context.
func (l *Linter) Lint(ctx context.Context, path string) (*Result, error) {
	r := &Result{Path: path, Findings: []Finding{}}
	info, err := os.Stat(path)
	if err == nil {
		r.Dir = info.IsDir()
		if r.Dir {
			err = l.lintDir(ctx, r)
		} else {
			err = l.lintFile(ctx, r)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var known *pack.Error
	switch {
	case err == nil:
	case errors.As(err, &known) && known.Kind == pack.KindBadPack:
		for _, f := range known.Findings {
			r.Findings = append(r.Findings, Finding{Finding: f})
		}
	case errors.As(err, &known):
		r.Err, r.Problem = err, known.Message
	default:
		r.Err, r.Problem = err, reason(err)
	}
	r.Valid = err == nil && r.Count(pack.SeverityError) == 0
	return r, nil
}

// lintDir looks at the archive that a push of the directory would make.
func (l *Linter) lintDir(ctx context.Context, r *Result) error {
	tmp, err := os.CreateTemp("", "spectro-lint-*.zip")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := bundle.Write(ctx, tmp, r.Path, l.limits); err != nil {
		return err
	}
	return l.inspect(ctx, r, tmp)
}

func (l *Linter) lintFile(ctx context.Context, r *Result) error {
	f, err := os.Open(r.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.inspect(ctx, r, f)
}

func (l *Linter) inspect(ctx context.Context, r *Result, f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return pack.Errorf(pack.KindUnsupported, "", "this is neither a file nor a directory")
	case info.Size() > l.maxArchive:
		return &pack.Error{
			Kind: pack.KindTooLarge, Limit: l.maxArchive,
			Message: "the archive is " + strconv.FormatInt(info.Size(), 10) + " bytes; a server takes at most " + strconv.FormatInt(l.maxArchive, 10) + " unless it is configured otherwise",
		}
	}
	report, err := l.checker.Inspect(ctx, f, info.Size())
	if err != nil {
		return err
	}
	r.Name, r.Version = report.Metadata.Name, report.Metadata.Version
	texts := l.texts(ctx, f, info.Size(), report)
	for _, x := range report.Findings {
		r.Findings = append(r.Findings, Finding{Finding: x, Line: line(x, texts)})
	}
	return nil
}

// texts reads the files that findings with a place are about out of the archive. What cannot be
// read has no text, and its findings no line.
func (l *Linter) texts(ctx context.Context, src io.ReaderAt, size int64, report *check.Report) map[string][]byte {
	wanted := map[string]string{} // path in the archive: path in the pack
	prefix := ""
	if report.Root != "" {
		prefix = report.Root + "/"
	}
	for _, f := range report.Findings {
		if f.Pointer != "" {
			wanted[prefix+f.File] = f.File
		}
	}
	texts := map[string][]byte{}
	if len(wanted) == 0 {
		return texts
	}
	const most = 8 << 20 // the largest of these files that the rules read
	_, err := archive.Walk(ctx, src, size, l.limits, func(e *archive.Entry, body io.Reader) error {
		name, ok := wanted[e.Path]
		if !ok || e.Dir {
			return nil
		}
		text, err := io.ReadAll(io.LimitReader(body, most+1))
		if err == nil && len(text) <= most {
			texts[name] = text
		}
		return err
	})
	if err != nil {
		clear(texts) // of a refused archive nothing is to be believed
	}
	return texts
}

// line is where a finding is: where its words say, else where its pointer leads.
func line(f pack.Finding, texts map[string][]byte) int {
	switch f.Rule {
	case "packjson-syntax", "values-yaml", "values-duplicate-key", "schema-odd", "presets-odd":
		if m := regexp.MustCompile(`\bline (\d{1,7})\b`).FindStringSubmatch(f.Message); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil && f.Pointer != "/presets" {
				return n
			}
		}
	}
	if text, ok := texts[f.File]; ok {
		return check.Line(f.File, text, f.Pointer)
	}
	return 0
}

// File is the path of the file a finding is about, as the system spells it: in a directory the
// file itself, of an archive the archive.
func (r *Result) File(f Finding) string {
	if r.Dir && f.File != "" {
		return filepath.Join(r.Path, filepath.FromSlash(f.File))
	}
	return filepath.Clean(r.Path)
}

// reason is an error of the file system in words, without the path.
func reason(err error) string {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file or directory"
	case errors.As(err, &at):
		return "it cannot be read: " + at.Err.Error()
	}
	return err.Error()
}
