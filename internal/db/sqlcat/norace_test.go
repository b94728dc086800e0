//go:build !race

package sqlcat_test

// raceDetector tells that the race detector is on, which makes everything slow.
const raceDetector = false
