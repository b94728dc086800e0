//go:build race

package registry_test

// bigSize is smaller under the race detector, which makes packing many times slower.
const bigSize = 16 << 20
