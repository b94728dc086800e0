package local

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// openFile is os.Open without asking whether the file can be waited for, which a
// regular file never can: that is two system calls instead of six.
func openFile(path string) (*os.File, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), path), nil
		case !errors.Is(err, syscall.EINTR):
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// identify tells what file f is; regular is false for what is no file with bytes.
func identify(f *os.File) (id identity, regular bool, err error) {
	var st syscall.Stat_t
	for {
		err = syscall.Fstat(int(f.Fd()), &st)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return identity{}, false, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return identity{
		known: true, device: st.Dev, inode: st.Ino, size: st.Size,
		mtime: time.Duration(st.Mtim.Nano()), ctime: time.Duration(st.Ctim.Nano()),
	}, st.Mode&syscall.S_IFMT == syscall.S_IFREG, nil
}
