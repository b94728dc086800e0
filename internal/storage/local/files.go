package local

import (
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"packregistry/internal/pack"
	"packregistry/internal/storage"
)

const (
	// mostFiles stay open, none of more than mostBytes. What another process has deleted may take that much of the disk, until other
	// blobs are read.
	mostFiles = 64
	mostBytes = 64 << 10
	// openFor is how long one is used. A file tells that it was changed or has lost its name, but not that the directory it
	// lies in was moved or has another one mounted over it, and on a network file system not at once.
	openFor = 5 * time.Second
)

// files are the open files of small blobs that were just read. Opening a file and closing it is an eighth of what it costs to send
// one, and the same few blobs are read again and again. The zero files is ready.
type files struct {
	mu      sync.Mutex
	idle    []*openFile // the last one was used last
	deletes uint64      // of blobs, in this process
}

// openFile is the file of a blob. It has one user at a time, for the kernel sends from the place that it is at.
type openFile struct {
	*os.File
	d       pack.Digest
	is      identity
	at      time.Time // when it was opened
	moved   bool      // it may be elsewhere than at its beginning
	deletes uint64    // before that
}

// take gives a file of the blob that nobody uses, or nil. Whether it is fresh has to be asked.
func (k *files) take(d pack.Digest) *openFile {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, f := range slices.Backward(k.idle) {
		if f.d == d {
			k.idle = slices.Delete(k.idle, i, i+1)
			return f
		}
	}
	return nil
}

// open opens the file of the blob. It keeps a digest of its own: the one it is asked with may be a piece of a request's line.
func (k *files) open(path string, d pack.Digest, now time.Time) (*openFile, error) {
	k.mu.Lock()
	deletes := k.deletes
	k.mu.Unlock()
	f, err := storage.OpenFile(path)
	if err != nil {
		return nil, err
	}
	return &openFile{File: f, d: pack.Digest(strings.Clone(string(d))), at: now, deletes: deletes}, nil
}

// fresh reports whether a file can be read instead of the one that lies at the blob's place.
func (f *openFile) fresh(now time.Time) bool {
	age := now.Sub(f.at)
	if age < 0 || age >= openFor {
		return false
	}
	is, _, err := identify(f.File)
	return err == nil && is == f.is // else it was written to, or lost its name: to another file or none
}

// give takes back a file that was read, and closes the one that was not used longest when there are too many. Closing what was only
// read tells nothing.
func (k *files) give(f *openFile) {
	f.moved = true
	k.mu.Lock()
	drop := f
	if f.deletes == k.deletes {
		drop = nil
		if len(k.idle) >= mostFiles {
			drop = k.idle[0]
			k.idle = slices.Delete(k.idle, 0, 1)
		}
		k.idle = append(k.idle, f)
	}
	k.mu.Unlock()
	if drop != nil {
		drop.Close()
	}
}

// deleted closes all that nobody uses, and lets the others be closed when they are given back: an open file keeps its place on the disk,
// and not every file system tells of it that its name is gone.
func (k *files) deleted() {
	k.mu.Lock()
	drop := k.idle
	k.idle = nil
	k.deletes++
	k.mu.Unlock()
	for _, f := range drop {
		f.Close() // it was only read
	}
}
