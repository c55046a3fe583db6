package report

import (
	"math"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/stat"
)

// figure is something that is measured in every run.
type figure struct {
	name   string
	unit   string
	higher bool // is better
	of     func(r *result.Run) float64
}

// full makes a figure of the first part of a run, small one of the second. Where
// that part is missing, so is the figure.
func full(name, unit string, higher bool, of func(f *result.Full) float64) figure {
	return figure{name, unit, higher, func(r *result.Run) float64 {
		if r.Full == nil {
			return math.NaN()
		}
		return of(r.Full)
	}}
}

func small(name, unit string, of func(s *result.Small) float64) figure {
	return figure{name, unit, false, func(r *result.Run) float64 {
		if r.Small == nil {
			return math.NaN()
		}
		return of(r.Small)
	}}
}

// slow is a figure of clients that do not read, which is not measured for
// compressed streams.
func slow(name, unit string, of func(s *result.Small) float64) figure {
	return small(name, unit, func(s *result.Small) float64 {
		if s.With.Planned == 0 {
			return math.NaN()
		}
		return of(s)
	})
}

var (
	idleMemory  = full("memory per client, idle", " kB", false, func(f *result.Full) float64 { return f.IdleMemory() / kB })
	afterMemory = full("memory per client, after traffic", " kB", false, func(f *result.Full) float64 { return f.AfterMemory() / kB })
	kernel      = full("kernel memory per connection, both ends", " kB", false, func(f *result.Full) float64 { return f.KernelMemory() / kB })
	cpu         = full("CPU per delivery", " µs", false, (*result.Full).CPU)
	medianTime  = full("time to the median client", " ms", false, (*result.Full).MedianClient)
	p99Time     = full("time to the 99th of 100 clients", " ms", false, (*result.Full).P99Client)
	lastTime    = full("time to the last client", " ms", false, (*result.Full).LastClient)
	connects    = full("connects per second", "", true, (*result.Full).ConnectRate)
	burst       = full("deliveries per second, back to back", "", true, (*result.Full).BurstRate)
	lost        = full("lost events", "", false, (*result.Full).Lost)
	wireBytes   = full("bytes per event of 200", "", false, (*result.Full).WireBytes)
	leftMemory  = full("memory left, compared with before", "", false, (*result.Full).LeftMemory)
	leftHeap    = full("heap left, compared with before", "", false, (*result.Full).LeftHeap)
	goneAfter   = full("descriptors closed after", " s", false, func(f *result.Full) float64 { return known(f.GoneAfter) })

	documentBytes = small("bytes per event, reference document", "", (*result.Small).DocumentBytes)
	withoutP99    = slow("99th percentile, all read", " ms", (*result.Small).WithoutP99)
	withP99       = slow("99th percentile of healthy clients, some stalled", " ms", (*result.Small).WithP99)
	slowed        = slow("healthy clients slowed by stalled ones", " ×", (*result.Small).Slowed)
	missed        = slow("events that healthy clients missed, some stalled", "", (*result.Small).Missed)
	stalledMemory = slow("memory per stalled client", " kB", func(s *result.Small) float64 { return s.StalledMemory() / kB })
	dropped       = slow("share of stalled clients dropped", "", func(s *result.Small) float64 {
		return float64(s.Dropped) / float64(s.Stalled)
	})
	droppedAfter = slow("stalled clients dropped after", " s", func(s *result.Small) float64 { return known(s.DroppedAfter) })
)

func known(v float64) float64 {
	if v == result.Unknown {
		return math.NaN()
	}
	return v
}

// left returns a figure of what is left: the difference of a count.
func left(name string, of func(u *result.Usage) int64) figure {
	return full(name, "", false, func(f *result.Full) float64 {
		before, after := of(&f.Base), of(&f.Left)
		if before < 0 || after < 0 {
			return math.NaN()
		}
		return float64(after - before)
	})
}

var (
	leftDescriptors = left("descriptors left", func(u *result.Usage) int64 { return int64(u.Descriptors) })
	leftGoroutines  = left("goroutines left", func(u *result.Usage) int64 { return u.Goroutines })
	leftThreads     = left("threads left", func(u *result.Usage) int64 { return int64(u.Threads) })
)

// runs is the runs of a measurement.
type runs []result.Run

// values returns a figure in all rounds of a peer.
func (rs runs) values(name string, f figure) []float64 {
	var values []float64
	for i := range rs {
		if rs[i].Peer == name {
			values = append(values, f.of(&rs[i]))
		}
	}
	return values
}

// median returns the median of a figure over all rounds.
func (rs runs) median(name string, f figure) float64 { return stat.Median(rs.values(name, f)) }

// ratios returns, of each round, how a figure of a peer compares with the same of
// another in that round.
func (rs runs) ratios(name, other string, f figure) []float64 {
	var ratios []float64
	for i := range rs {
		if rs[i].Peer != name {
			continue
		}
		for j := range rs {
			if rs[j].Peer == other && rs[j].Round == rs[i].Round {
				ratios = append(ratios, quotient(f.of(&rs[i]), f.of(&rs[j])))
			}
		}
	}
	return ratios
}

// ratio returns the median of the ratios.
func (rs runs) ratio(name, other string, f figure) float64 {
	return stat.Median(rs.ratios(name, other, f))
}

func quotient(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// measured returns the peers that there are runs of, in their order.
func (rs runs) measured() []peer.Peer {
	var peers []peer.Peer
	for _, p := range peer.All() {
		for i := range rs {
			if rs[i].Peer == p.Name && rs[i].Full != nil {
				peers = append(peers, p)
				break
			}
		}
	}
	return peers
}
