package proc

import "time"

// Observer watches a group while the load is at work.
type Observer struct {
	stop chan struct{}
	done chan Observation
}

// Observation is what an observer has seen.
type Observation struct {
	Peak   int64 // of memory, in bytes
	Most   int   // descriptors
	Fewest int   // of them, from then on
	Err    error

	descriptors []reading
}

type reading struct {
	after time.Duration
	count int
}

// Dropped returns how many of so many connections were closed, and after what time the last
// of them was: a negative one if not all of them were.
func (o *Observation) Dropped(of int) (count int, after time.Duration) {
	count = min(o.Most-o.Fewest, of)
	if count == of {
		for _, r := range o.descriptors {
			if r.count <= o.Most-of {
				return count, r.after
			}
		}
	}
	return count, -time.Second
}

// Observe begins to watch. Memory is read rarely, because that takes time in proportion to it.
func (g Group) Observe() *Observer {
	const (
		pace  = 100 * time.Millisecond
		every = 5
	)
	o := &Observer{make(chan struct{}), make(chan Observation, 1)}
	go func() {
		var seen Observation
		start := time.Now()
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for i := 0; seen.Err == nil; i++ {
			seen.Err = seen.read(g, time.Since(start), i%every == 0)
			select {
			case <-tick.C:
				continue
			case <-o.stop:
			}
			break
		}
		o.done <- seen
	}()
	return o
}

func (o *Observation) read(g Group, after time.Duration, memory bool) error {
	n, err := g.Descriptors()
	if err != nil {
		return err
	}
	if n > o.Most { // the publisher's connection comes a little later
		o.Most, o.Fewest = n, n
	}
	o.Fewest = min(o.Fewest, n)
	o.descriptors = append(o.descriptors, reading{after, n})
	if !memory {
		return nil
	}
	m, err := g.Memory()
	o.Peak = max(o.Peak, m.Pss)
	return err
}

// End ends the watching and returns what was seen.
func (o *Observer) End() Observation {
	close(o.stop)
	return <-o.done
}
