package local

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

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
		known: true, device: st.Dev, inode: st.Ino, links: uint64(st.Nlink), size: st.Size,
		mtime: time.Duration(st.Mtim.Nano()), ctime: time.Duration(st.Ctim.Nano()),
	}, st.Mode&syscall.S_IFMT == syscall.S_IFREG, nil
}
