//go:build !linux

package storage

import "os"

// OpenFile is os.Open.
func OpenFile(path string) (*os.File, error) { return os.Open(path) }
