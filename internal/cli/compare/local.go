package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"packregistry/internal/cli/unpack"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/bundle"
	"packregistry/internal/pack/check"
)

// maxValues is the longest values.yaml there may be, in bytes.
const maxValues = 8 << 20

// Local reads a directory, as push would pack it, or an archive (zip or tar.gz). What is no pack that a server takes is pack.KindBadPack.
func Local(ctx context.Context, path string) (_ *Side, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	file, done, err := opened(ctx, path, info.IsDir())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if info, err = file.Stat(); err != nil {
		return nil, err
	}
	checker, err := check.New(unpack.Limits())
	if err != nil {
		return nil, err
	}
	report, err := checker.Inspect(ctx, file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !report.Valid() {
		return nil, fmt.Errorf("%s: %w", path, pack.BadPack(report.Findings))
	}
	side := &Side{Name: path, Manifest: report.Metadata.Manifest, Files: report.Files}
	wanted := strings.TrimPrefix(report.Root+"/values.yaml", "/")
	_, err = archive.Walk(ctx, file, info.Size(), unpack.Limits(), func(e *archive.Entry, body io.Reader) error {
		if e.Path == wanted && !e.Dir {
			side.Values, err = ReadValues(body)
			return err
		}
		return nil
	})
	return side, err
}

// opened opens an archive, or makes one of a directory; done takes away what was made.
func opened(ctx context.Context, path string, dir bool) (_ *os.File, done func() error, err error) {
	if !dir {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		return f, f.Close, nil
	}
	f, err := os.CreateTemp("", "spectro-*.zip")
	if err != nil {
		return nil, nil, err
	}
	done = func() error { return errors.Join(f.Close(), os.Remove(f.Name())) }
	if err := bundle.Write(ctx, f, path, unpack.Limits()); err != nil {
		return nil, nil, errors.Join(err, done())
	}
	return f, done, nil
}

// ReadValues reads a values.yaml whole.
func ReadValues(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxValues+1))
	if err == nil && len(text) > maxValues {
		err = pack.Errorf(pack.KindBadPack, "", "values.yaml is larger than 8 MiB")
	}
	return text, err
}
