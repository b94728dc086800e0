package testenv

import (
	"bytes"
	"sync"
)

// Output collects what is written, a log or what a program prints, while a test reads it. The zero Output is empty.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write is io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String is all that was written until now.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
