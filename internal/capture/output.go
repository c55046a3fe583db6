// Package capture keeps what a process or a log writes, for tests that read it meanwhile.
package capture

import (
	"bytes"
	"strings"
	"sync"
)

// Output keeps everything that is written to it. It is safe for concurrent use. The zero
// value is empty.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer. It never fails.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns what was written up to now.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Contains reports whether text was written up to now.
func (o *Output) Contains(text string) bool { return strings.Contains(o.String(), text) }
