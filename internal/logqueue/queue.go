// Package logqueue lets a program log without waiting for the reader of its log: see
// [Queue], which owns one goroutine and one lock. Nothing waits under the lock.
package logqueue

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

const (
	// Bounds of what waits for standard error.
	maxRecords = 4096
	maxBytes   = 1 << 20

	// retryAfter is the time until the next attempt if standard error takes nothing at
	// the moment.
	retryAfter = 20 * time.Millisecond

	// CloseTimeout bounds how long Close waits for records that have not been written.
	CloseTimeout = 500 * time.Millisecond
)

// Queue is a writer for the handler of Options.Logger. It stands between the loggers
// and standard error, so that no goroutine that serves clients waits for the reader of
// the log: a full pipe, a slow disk, a stopped terminal. Its Dropped is for
// Options.LogDropped.
//
// Write takes a whole record and never waits. One goroutine writes the records. A record
// for which the queue has no room is dropped, and so is one that cannot be written. Both
// are counted, and the next record is written after one that says how many are missing.
// New starts the goroutine, and Close ends it. If the goroutine hangs in a write
// then, only the end of the process ends it.
type Queue struct {
	out    io.Writer
	notice func(dropped uint64) []byte // the record that tells of those that were dropped
	wake   chan struct{}               // has room for one
	ended  chan struct{}               // closed once the goroutine has

	mu      sync.Mutex
	records []entry
	bytes   int    // of records
	dropped uint64 // in all
	missing uint64 // those dropped since the newest of records
	closed  bool
}

// entry is a record, and how many were dropped between it and the one before.
type entry struct {
	text    []byte
	missing uint64
}

// New returns a queue in front of out. handler makes a handler that formats the
// notices about missing records.
func New(out io.Writer, handler func(io.Writer) slog.Handler) *Queue {
	q := &Queue{
		out:   out,
		wake:  make(chan struct{}, 1),
		ended: make(chan struct{}),
		notice: func(dropped uint64) []byte {
			var text bytes.Buffer
			slog.New(handler(&text)).Error("log records dropped, standard error does not take them", "dropped", dropped)
			return text.Bytes()
		},
	}
	go q.run()
	return q
}

// Write implements io.Writer. It keeps a copy.
func (q *Queue) Write(text []byte) (int, error) {
	q.mu.Lock()
	switch {
	case q.closed, len(q.records) >= maxRecords, q.bytes+len(text) > maxBytes:
		q.dropped++
		q.missing++
	default:
		q.records = append(q.records, entry{bytes.Clone(text), q.missing})
		q.bytes += len(text)
		q.missing = 0
	}
	q.mu.Unlock()
	q.signal()
	return len(text), nil
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it knows already
	}
}

// Dropped returns how many records were dropped.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Close makes the queue drop all further records, and waits for at most CloseTimeout until
// the records in the queue have been written.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	timer := time.NewTimer(CloseTimeout)
	defer timer.Stop()
	select {
	case <-q.ended:
	case <-timer.C:
	}
}

// next takes the oldest record, or one without text if only the notice of dropped
// ones is to be written. It is not ok if there is nothing, and over if there will be
// nothing more.
func (q *Queue) next() (record entry, ok, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.records) > 0 {
		record = q.records[0]
		q.records[0].text = nil
		q.records = q.records[1:]
		q.bytes -= len(record.text)
		return record, true, false
	}
	record.missing, q.missing = q.missing, 0
	return record, record.missing > 0, q.closed
}

// run writes, until the queue is closed and empty.
func (q *Queue) run() {
	defer close(q.ended)
	var missing uint64 // dropped, and not told yet
	torn := false      // what was written last is no whole line
	for {
		record, ok, over := q.next()
		if !ok {
			if over {
				return
			}
			<-q.wake
			continue
		}
		var text []byte
		if torn {
			text = append(text, '\n')
		}
		if missing += record.missing; missing > 0 {
			text = append(text, q.notice(missing)...)
		}
		before := len(text)
		text = append(text, record.text...)
		n, err := q.writeAll(text)
		if n >= before {
			missing = 0
		}
		if n > 0 {
			torn = n < len(text) && text[n-1] != '\n'
		}
		if err != nil && len(record.text) > 0 {
			missing++
			q.mu.Lock()
			q.dropped++
			q.mu.Unlock()
		}
	}
}

// writeAll writes text and returns how much of it was written. Another process that
// shares standard error may have set O_NONBLOCK: then writeAll tries again.
func (q *Queue) writeAll(text []byte) (written int, err error) {
	for {
		n, err := q.out.Write(text[written:])
		written += n
		if err == nil || written == len(text) || !errors.Is(err, syscall.EAGAIN) {
			return written, err
		}
		time.Sleep(retryAfter)
	}
}
