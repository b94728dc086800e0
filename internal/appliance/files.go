package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the one that the server runs as.
const account = "pack-registry"

// owner is that account on this machine; the zero value is whoever runs this.
type owner struct {
	uid, gid int
	known    bool
}

// findOwner looks the account up where its files can be given to it: by root, on the machine itself.
func findOwner(root string) (owner, error) {
	if root != "" || os.Geteuid() != 0 {
		return owner{}, nil
	}
	u, err := user.Lookup(account)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		return owner{}, nil
	}
	if err != nil {
		return owner{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return owner{}, err
	}
	gid, err := strconv.Atoi(u.Gid)
	return owner{uid, gid, true}, err
}

// has reports whether the file is the owner's, or group's alone.
func (o owner) has(fi fs.FileInfo, groupOnly bool) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !o.known || !ok {
		return true
	}
	return int(st.Gid) == o.gid && (groupOnly || int(st.Uid) == o.uid)
}

// give makes the file the owner's; groupOnly leaves it root's and lets the group read it.
func (o owner) give(path string, groupOnly bool) error {
	if !o.known {
		return nil
	}
	uid := o.uid
	if groupOnly {
		uid = 0
	}
	return os.Lchown(path, uid, o.gid)
}

// as does something as the owner: what it makes is the owner's. Nothing else may work as root meanwhile.
func (o owner) as(do func() error) error {
	if !o.known {
		return do()
	}
	if err := syscall.Setegid(o.gid); err != nil {
		return err
	}
	if err := syscall.Seteuid(o.uid); err != nil {
		return errors.Join(err, syscall.Setegid(0))
	}
	err := do()
	return errors.Join(err, syscall.Seteuid(0), syscall.Setegid(0))
}

// file is one to be there.
type file struct {
	path string
	data []byte
	mode fs.FileMode
	// serverOwns gives it to the server; else its group may read it where mode says so.
	serverOwns bool
}

// differs reports whether the file is not as it should be.
func (f file) differs(o owner) (bool, error) {
	fi, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !fi.Mode().IsRegular() {
		return false, fmt.Errorf("%s is no regular file", f.path)
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return false, err
	}
	return !bytes.Equal(data, f.data) || fi.Mode().Perm() != f.mode || !o.has(fi, !f.serverOwns), nil
}

// write replaces the file as a whole, durably, with its mode and owner from the first moment.
func (f file) write(o owner) (err error) {
	t, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(t.Name()))
		}
	}()
	_, err = t.Write(f.data)
	if err = errors.Join(err, o.give(t.Name(), !f.serverOwns), t.Chmod(f.mode), t.Sync(), t.Close()); err != nil {
		return err
	}
	if err := os.Rename(t.Name(), f.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// remove is no error when the file is not there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// lock waits for another set-up to end, such as that of the boot beside one by hand, as long as this one may wait.
func (s *setup) lock(ctx context.Context) (unlock func(), err error) {
	dir := s.etc()
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, s.Wait)
	defer stop()
	for {
		if err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return func() { _ = d.Close() }, nil // closing ends the lock, and nothing was written
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || !pause(ctx, every) {
			return nil, errors.Join(fmt.Errorf("%s: another set-up is at work: %w", dir, err), d.Close())
		}
	}
}
