package fanout

import (
	"sync"
	"time"
)

// lullWithin is how long a TLS handshake waits for a lull at most.
const lullWithin = 100 * time.Millisecond

// lull lets TLS handshakes wait while each processor writes an event to its clients. A
// handshake may take a processor as long as the writes to a hundred clients, and a writer
// lets others run between them: without a lull, clients that begin handshakes and never finish
// them would delay the events of all others.
type lull struct {
	processors int

	mu      sync.Mutex
	writing int           // writers
	begins  chan struct{} // closed when the lull begins; nil if nobody waits
}

// leave is called by a writer that begins to write an event to its clients.
func (l *lull) leave() {
	l.mu.Lock()
	l.writing++
	l.mu.Unlock()
}

// enter is called by a writer that has written it.
func (l *lull) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing--; l.begins != nil {
		close(l.begins)
		l.begins = nil
	}
}

// wait waits until one of the processors does not write, and for lullWithin at most.
func (l *lull) wait() {
	l.mu.Lock()
	if l.writing < l.processors {
		l.mu.Unlock()
		return
	}
	if l.begins == nil {
		l.begins = make(chan struct{})
	}
	begins := l.begins
	l.mu.Unlock()

	timer := time.NewTimer(lullWithin)
	defer timer.Stop()
	select {
	case <-begins:
	case <-timer.C:
	}
}
