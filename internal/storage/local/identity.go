package local

import "time"

// How long a file must not have been touched before it was hashed, to be trusted: a write within
// the same tick of the file system's clock would not show in its times. Those that keep parts
// of a second tick with the kernel, each 10 ms or oftener; the others every one or two seconds.
const (
	stillFor       = 2 * time.Second
	stillForOfFine = 100 * time.Millisecond
)

// identity tells a file that nobody has touched from any other. A write moves both
// times; mtime can be set back, ctime cannot.
type identity struct {
	known         bool // false where the system does not tell enough
	device, inode uint64
	links         uint64 // names that it has
	size          int64
	mtime, ctime  time.Duration // since 1970
}

func (i identity) still(now time.Time) bool {
	still := stillFor
	if i.mtime%time.Second != 0 && i.ctime%time.Second != 0 {
		still = stillForOfFine
	}
	edge := time.Duration(now.Add(-still).UnixNano())
	return i.known && i.mtime < edge && i.ctime < edge
}
