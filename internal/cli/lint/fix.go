package lint

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf16"
	"unicode/utf8"

	"packregistry/internal/pack"
	"packregistry/internal/pack/check"
)

// Fix is one change that mended something. What a pack means does not change by it.
type Fix struct {
	File string `json:"file"`
	Rule string `json:"rule"`
	What string `json:"what"`
}

// maxFixed is the largest file that is mended, in bytes; the rules read no larger ones.
const maxFixed = 8 << 20

// errNotMended is for a finding whose mending is not safe here.
var errNotMended = errors.New("not mended")

// Fix mends what is safe to mend in a directory, and looks at it again. r is what Lint found; the
// result is what Lint finds afterwards, with what was fixed. A file is replaced in one step or not
// at all. The error says which file could not be written.
func (l *Linter) Fix(ctx context.Context, r *Result) (*Result, error) {
	var fixed []Fix
	// What one change mends may let the rules see the next thing: UTF-16, then the JSON in it.
	for range 5 {
		n := len(fixed)
		for _, f := range inOrder(r.Findings) {
			if err := ctx.Err(); err != nil {
				return nil, context.Cause(ctx)
			}
			what, err := mend(r.Path, f.Finding)
			switch {
			case errors.Is(err, errNotMended):
			case err != nil:
				return nil, pack.Wrap(pack.KindInvalid, err, "%s cannot be mended: %s", filepath.Join(r.Path, f.File), err)
			default:
				fixed = append(fixed, Fix{File: f.File, Rule: f.Rule, What: what})
			}
		}
		if len(fixed) == n {
			break
		}
		var err error
		if r, err = l.Lint(ctx, r.Path); err != nil {
			return nil, err
		}
	}
	r.Fixed = fixed
	return r, nil
}

// inOrder puts findings last first: what is removed from a list moves what stands behind it.
func inOrder(findings []Finding) []Finding {
	out := make([]Finding, 0, len(findings))
	for i := len(findings) - 1; i >= 0; i-- {
		out = append(out, findings[i])
	}
	return out
}

// mend mends one finding, or gives errNotMended.
func mend(dir string, f pack.Finding) (what string, err error) {
	switch f.Rule {
	case "file-bom":
		return "removed the byte order mark", edit(dir, f.File, func(b []byte) []byte {
			return cutPrefix(b, "\xef\xbb\xbf")
		})
	case "packjson-utf8", "values-utf8", "schema-binary", "presets-binary":
		return "saved as UTF-8 instead of UTF-16", edit(dir, f.File, fromUTF16)
	case "path-blank":
		return "removed a blank from a list", edit(dir, f.File, func(b []byte) []byte {
			return removeBlank(b, f.Pointer)
		})
	case "path-escape":
		return "wrote a listed path with forward slashes", edit(dir, f.File, func(b []byte) []byte {
			return slashes(b, f.Pointer, dir)
		})
	case "logo-type":
		return "saved the picture as PNG", edit(dir, f.File, toPNG)
	}
	return "", errNotMended
}

// edit replaces a file by what change makes of it; nil means that it is not safe to.
func edit(dir, file string, change func([]byte) []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Lstat(filepath.FromSlash(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNotMended
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() > maxFixed:
		return errNotMended // behind a link lies a file of somebody else
	}
	src, err := root.Open(filepath.FromSlash(file))
	if err != nil {
		return err
	}
	defer src.Close()
	old, err := io.ReadAll(io.LimitReader(src, maxFixed+1))
	if err != nil {
		return err
	}
	text := change(old)
	if text == nil || bytes.Equal(text, old) {
		return errNotMended
	}
	return replace(root, filepath.FromSlash(file), text, info.Mode().Perm())
}

// replace puts new content in the place of a file in one step.
func replace(root *os.Root, file string, content []byte, mode fs.FileMode) (err error) {
	tmp := file + ".spectro~" // which no archive holds, should it be left behind
	dst, err := root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(tmp))
		}
	}()
	_, err = dst.Write(content)
	if err == nil {
		err = dst.Sync()
	}
	if err = errors.Join(err, dst.Close()); err != nil {
		return err
	}
	return root.Rename(tmp, file)
}

func cutPrefix(b []byte, prefix string) []byte {
	rest, had := bytes.CutPrefix(b, []byte(prefix))
	if !had {
		return nil
	}
	return rest
}

// fromUTF16 decodes a text that says by its byte order mark that it is UTF-16; nil for all
// that is not exactly that.
func fromUTF16(b []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	if bytes.HasPrefix(b, []byte("\xfe\xff")) {
		order = binary.BigEndian
	} else if !bytes.HasPrefix(b, []byte("\xff\xfe")) {
		return nil
	}
	if len(b)%2 != 0 {
		return nil
	}
	var out []byte
	for i := 2; i < len(b); i += 2 {
		r := rune(order.Uint16(b[i:]))
		if utf16.IsSurrogate(r) {
			if i += 2; i >= len(b) {
				return nil
			}
			if r = utf16.DecodeRune(r, rune(order.Uint16(b[i:]))); r == utf8.RuneError {
				return nil
			}
		}
		if r == 0 {
			return nil // no text
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// removeBlank takes a blank text out of a JSON list, with the comma that goes with it.
func removeBlank(b []byte, pointer string) []byte {
	start, end, ok := check.JSONPlace(b, pointer)
	if !ok || !isBlankString(b[start:end]) {
		return nil
	}
	const blanks = " \t\r\n"
	after := len(b) - len(bytes.TrimLeft(b[end:], blanks))
	before := len(bytes.TrimRight(b[:start], blanks))
	switch {
	case b[after] == ',':
		end = len(b) - len(bytes.TrimLeft(b[after+1:], blanks))
	case b[before-1] == ',':
		start = before - 1
	default:
		start, end = before, after
	}
	return append(bytes.Clone(b[:start]), b[end:]...)
}
