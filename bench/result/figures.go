package result

import "math"

// The figures of a run. NaN stands for "not measured", so that a median passes
// it over.

func ratio(a, b float64) float64 {
	if b <= 0 {
		return math.NaN()
	}
	return a / b
}

func positive(v float64) float64 {
	if v < 0 {
		return math.NaN()
	}
	return v
}

// IdleMemory is what a client costs before the first event, in bytes.
func (f *Full) IdleMemory() float64 {
	return ratio(float64(f.Idle.Pss-f.Base.Pss), float64(f.Opened.Clients))
}

// AfterMemory is what a client costs after some events, in bytes.
func (f *Full) AfterMemory() float64 {
	return ratio(float64(f.After.Pss-f.Base.Pss), float64(f.Opened.Clients))
}

// KernelMemory is what the kernel holds for a connection, both ends together,
// in bytes.
func (f *Full) KernelMemory() float64 {
	grown := f.Idle.Kernel.Slab - f.Base.Kernel.Slab + f.Idle.Kernel.Bytes - f.Base.Kernel.Bytes
	return ratio(float64(grown), float64(f.Opened.Clients))
}

// ConnectRate is how many clients are connected and answered in a second.
func (f *Full) ConnectRate() float64 {
	return ratio(float64(f.Opened.Clients), f.Opened.Seconds)
}

// CPU is the server's processor time for a delivery of the paced events, in
// microseconds.
func (f *Full) CPU() float64 {
	return ratio(float64(f.PacedCPU.Nanoseconds())/1000, float64(f.Paced.Delivered))
}

// LastClient is the time until the last client has an event, in milliseconds.
func (f *Full) LastClient() float64 { return positive(f.Paced.LastClient) }

// MedianClient is the time until half of the clients have an event, in
// milliseconds.
func (f *Full) MedianClient() float64 { return positive(f.Paced.MedianClient) }

// P99Client is the time until 99 of 100 clients have an event, in milliseconds.
func (f *Full) P99Client() float64 { return positive(f.Paced.P99Client) }

// BurstRate is how many deliveries there are in a second, back to back.
func (f *Full) BurstRate() float64 { return ratio(float64(f.Burst.Delivered), f.Burst.Seconds) }

// WireBytes is how many bytes per event of the paced ones has on the wire.
func (f *Full) WireBytes() float64 { return ratio(float64(f.Paced.Bytes), float64(f.Paced.Delivered)) }

// Lost is the share of all events published that somebody should have got and
// has not.
func (f *Full) Lost() float64 {
	all := f.Paced.Delivered + f.Paced.Lost + f.Burst.Delivered + f.Burst.Lost
	return ratio(float64(f.Paced.Lost+f.Burst.Lost), float64(all))
}

// LeftMemory is how much memory is in use after all have gone, compared with
// before they came.
func (f *Full) LeftMemory() float64 { return ratio(float64(f.Left.Pss), float64(f.Base.Pss)) }

// LeftHeap is the same of the Go heap.
func (f *Full) LeftHeap() float64 { return ratio(float64(f.Left.Heap), float64(f.Base.Heap)) }

// DocumentBytes is how many bytes a client reads for a reference document.
func (s *Small) DocumentBytes() float64 {
	return ratio(float64(s.Document.Bytes), float64(s.Document.Readers)*float64(s.Document.Published))
}

// WithoutP99 is the time in which 99 of 100 deliveries arrive, in milliseconds.
func (s *Small) WithoutP99() float64 { return positive(s.Without.AllP99) }

// WithP99 is the same of the healthy clients while others do not read.
func (s *Small) WithP99() float64 { return positive(s.With.AllP99) }

// Slowed is how much slower healthy clients are served while others do not read.
func (s *Small) Slowed() float64 { return ratio(s.WithP99(), s.WithoutP99()) }

// Missed is the share of the events that were due which healthy clients have not
// got: because they were lost, or because the server held up the publisher.
func (s *Small) Missed() float64 {
	due := float64(s.With.Planned) * float64(s.With.Clients)
	return ratio(due-float64(s.With.Delivered), due)
}

// StalledMemory is what a client that does not read costs, in bytes.
func (s *Small) StalledMemory() float64 {
	return ratio(math.Max(0, float64(s.PeakWith-s.PeakWithout)), float64(s.Stalled))
}
