package reshape

import (
	"context"
	"errors"
	"runtime/metrics"
)

var errMemory = errors.New("too much memory")

// strideSteps is the number of steps between two checks of the meter: some tens of
// microseconds.
const strideSteps = 1024

// meter is the context of one run, which gojq checks between any two steps. So it can
// check time and memory without another goroutine. It belongs to the goroutine of the
// run.
type meter struct {
	context.Context
	steps  uint
	room   uint64 // how much the heap may grow
	most   uint64 // the size that it may have: room more than the smallest size seen
	sample [1]metrics.Sample
	over   <-chan struct{} // closed when the run has to end
	err    error
}

var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// newMeter returns the meter for a run that begins now.
func newMeter(ctx context.Context, maxMemory uint64) *meter {
	m := &meter{Context: ctx, room: maxMemory}
	m.sample[0].Name = "/memory/classes/heap/objects:bytes"
	m.most = m.heap() + maxMemory
	return m
}

func (m *meter) heap() uint64 {
	metrics.Read(m.sample[:])
	return m.sample[0].Value.Uint64()
}

// Done returns a channel that is closed if the run has to end now.
func (m *meter) Done() <-chan struct{} {
	if m.steps++; m.steps%strideSteps == 1 && m.err == nil {
		size := m.heap()
		m.most = min(m.most, size+m.room) // garbage from before the run has been collected
		if m.err = m.Context.Err(); m.err == nil && size > m.most {
			m.err = errMemory
		}
		if m.err != nil {
			m.over = closed
		}
	}
	return m.over
}

// Err returns why the run has to end.
func (m *meter) Err() error { return m.err }
