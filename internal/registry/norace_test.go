//go:build !race

package registry_test

// bigSize is the size of the large file of the memory test, in bytes.
const bigSize = 64 << 20
