package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"packregistry/internal/db"
)

// epoch is a number in memory that all processes on one database share (a file beside
// the database, mapped). Whoever has committed raises it before telling anybody, so
// that who finds it as it was knows without a query that nothing was acknowledged
// meanwhile. A process that dies between its commit and that, and programs that are
// not ours, are noticed by DB.poll.
type epoch struct {
	memory []byte // never unmapped: a late caller must not find it gone
	head   atomic.Pointer[knownHead]
	closed atomic.Bool
}

// knownHead is a head that was read when the epoch had a value.
type knownHead struct {
	epoch uint64
	mark  db.Mark
}

// openEpoch maps the file, which it makes where there is none: for whoever may open the
// database, as SQLite does with files of its own. (An administrator may be the first to come.)
func openEpoch(database string) (*epoch, error) {
	like, err := os.Stat(database)
	if err != nil {
		return nil, err
	}
	path := database + "-epoch"
	// Only a file made here is given away, and no link is followed: the folder belongs to the
	// server, and root must not be led to files of others.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, like.Mode().Perm())
	made := err == nil
	if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if owner, ok := like.Sys().(*syscall.Stat_t); ok && made && os.Geteuid() == 0 {
		if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return nil, err
		}
	}
	const size = int(unsafe.Sizeof(uint64(0)))
	if st, err := f.Stat(); err != nil {
		return nil, err
	} else if st.Size() < int64(size) {
		if err := f.Truncate(int64(size)); err != nil {
			return nil, err
		}
	}
	memory, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	return &epoch{memory: memory}, nil
}

func (e *epoch) value() *uint64 { return (*uint64)(unsafe.Pointer(&e.memory[0])) }

// raise tells all processes that a commit may have happened.
func (e *epoch) raise() { atomic.AddUint64(e.value(), 1) }

func (e *epoch) now() uint64 { return atomic.LoadUint64(e.value()) }

// Head implements db.Feed: from memory while nobody has committed.
func (d *DB) Head(ctx context.Context) (db.Mark, error) {
	if err := ctx.Err(); err != nil {
		return db.Mark{}, mapError(ctx, err)
	}
	e := d.b.epoch
	now := e.now() // before the query: a commit during it makes what is read here old
	if known := e.head.Load(); known != nil && known.epoch == now && !e.closed.Load() {
		return known.mark, nil
	}
	mark, err := d.Catalogue.Head(ctx)
	if err == nil {
		e.head.Store(&knownHead{now, mark})
	}
	return mark, err
}
