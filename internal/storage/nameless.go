package storage

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
)

// NewNameless makes a file in dir that has no name: when nobody holds it open any more, or the
// process ends however it ends, it is gone.
func NewNameless(dir string) (*os.File, error) {
	// The pattern lets the store tidy up after a process that dies on the next line.
	f, err := os.CreateTemp(dir, SpoolPattern)
	if err != nil {
		return nil, DiskError(err)
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, DiskError(errors.Join(err, f.Close()))
	}
	return f, nil
}

// Reopen opens a nameless file once more, for reading, with a position of its own, which lets the kernel send it
// from there (io.ReaderFrom of a connection). It fails where the system has no such way.
func Reopen(f *os.File) (*os.File, error) {
	return OpenFile("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
}
