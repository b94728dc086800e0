package unpack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"strconv"

	"packregistry/internal/pack"
)

// Place makes a file or a folder under a name in a folder, whole or not at all: fill writes into a hidden folder beside it,
// named .NAME.part-* , and returns what in there is to become name. Whatever happens, the hidden folder goes; only a
// process that is killed outright leaves it, and then nothing under name has changed.
//
// What is there already is pack.KindConflict, an empty folder excepted; with replace it goes when the new one is complete.
func Place(in *os.Root, name string, replace bool, fill func(work *os.Root) (made string, err error)) (err error) {
	if err := vacant(in, name, replace); err != nil {
		return err
	}
	work, err := hidden(in, name)
	if err != nil {
		return err
	}
	defer func() {
		if gone := in.RemoveAll(work); gone != nil {
			err = errors.Join(err, fmt.Errorf("the folder %s is left over: %w", work, gone))
		}
	}()
	made, err := filled(in, work, fill)
	if err != nil {
		return err
	}
	if err := vacant(in, name, replace); err != nil { // somebody may have been quicker
		return err
	}
	return move(in, path.Join(work, made), name, path.Join(work, "replaced"))
}

// filled calls fill; no folder stays open, for some systems do not move one that is.
func filled(in *os.Root, work string, fill func(*os.Root) (string, error)) (string, error) {
	r, err := in.OpenRoot(work)
	if err != nil {
		return "", err
	}
	made, err := fill(r)
	return made, errors.Join(err, r.Close())
}

// move puts what was made in its place; what is there goes to aside.
func move(in *os.Root, made, name, aside string) error {
	moved := false
	switch there, err := in.Lstat(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case there.Mode().IsRegular() && isRegular(in, made): // one step does it
	default:
		if err := in.Rename(name, aside); err != nil {
			return err
		}
		moved = true
	}
	err := in.Rename(made, name)
	if err != nil && moved {
		return errors.Join(err, in.Rename(aside, name))
	}
	return err
}

func isRegular(in *os.Root, name string) bool {
	info, err := in.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// vacant reports what stands in the way of name.
func vacant(in *os.Root, name string, replace bool) error {
	there, err := in.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case replace:
		return nil
	case there.IsDir():
		if empty, err := isEmpty(in, name); empty || err != nil {
			return err
		}
	}
	return pack.Errorf(pack.KindConflict, "target_exists", "%s is there already; remove it, or give --force to replace it", path.Join(in.Name(), name))
}

func isEmpty(in *os.Root, name string) (bool, error) {
	d, err := in.Open(name)
	if err != nil {
		return false, err
	}
	defer d.Close()
	_, err = d.ReadDir(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// hidden makes the folder that is worked in.
func hidden(in *os.Root, name string) (string, error) {
	for try := 0; ; try++ {
		work := "." + name + ".part-" + strconv.FormatUint(rand.Uint64(), 36)
		err := in.Mkdir(work, 0o700)
		switch {
		case err == nil:
			return work, nil
		case !errors.Is(err, fs.ErrExist) || try == 100:
			var at *fs.PathError
			if errors.As(err, &at) {
				err = at.Err
			}
			return "", fmt.Errorf("nothing can be written into %s: %w", in.Name(), err)
		}
	}
}
