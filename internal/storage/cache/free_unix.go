//go:build linux || darwin

package cache

import "syscall"

// free tells how many bytes a folder's disk has left for who is not root; known is false
// where it does not say.
func free(dir string) (bytes int64, known bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
