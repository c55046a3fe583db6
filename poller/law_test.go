package poller_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// TestThousandStreams has 1,000 streams with an interval of one second. One source
// hangs, and one Publish hangs. The other streams are on time, each at its own phase.
func TestThousandStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const streams, seconds = 1000, 20
		release := make(chan struct{})
		sources := make([]*source, streams)
		polling, stop := start(t, newPublisher(), script(fails), func(o *poller.Options) {
			o.Spread = time.Second
			o.Streams = nil
			for i := range sources {
				sources[i] = newSource(func(context.Context, call) (poller.Reading, error) {
					if i == 0 {
						<-release // whatever its context says
						return fails()
					}
					time.Sleep(time.Duration(i) * time.Millisecond / 2)
					return reading(`1`), nil
				})
				o.Streams = append(o.Streams, poller.Stream{Name: fmt.Sprintf("s%d", i), Source: sources[i], Every: time.Second})
			}
		})
		time.Sleep(seconds*time.Second - 1)
		synctest.Wait()
		if n := len(sources[0].asked()); n != 1 {
			t.Errorf("the one that hangs was asked %d times", n)
		}
		perMillisecond := make(map[time.Duration]int)
		for i, s := range sources[1:] {
			asked := s.asked()
			if len(asked) != seconds {
				t.Fatalf("stream %d was asked %d times, want %d", i+1, len(asked), seconds)
			}
			for n, at := range asked {
				if at-asked[0] != time.Duration(n)*time.Second || asked[0] >= time.Second {
					t.Fatalf("stream %d: fetch %d at %v, the first at %v", i+1, n, at, asked[0])
				}
			}
			perMillisecond[asked[0].Truncate(10*time.Millisecond)]++
		}
		for at, n := range perMillisecond {
			if n > 30 {
				t.Errorf("%d streams are asked within 10 ms at %v", n, at)
			}
		}
		for _, s := range polling.Status()[1:] {
			if s.Dropped != 0 {
				t.Errorf("%s: %d ticks dropped", s.Name, s.Dropped)
			}
		}
		close(release)
		stop()
	})
}

// TestSpreadOfWaits has streams whose upstream wants all of them to wait until one
// instant: they are spread, each on its own grid.
func TestSpreadOfWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const streams = 100
		opens := time.Now().Add(time.Minute)
		sources := make([]*source, streams)
		start(t, newPublisher(), script(fails), func(o *poller.Options) {
			o.Spread = 2 * time.Second
			o.Streams = nil
			for i := range sources {
				sources[i] = newSource(func(context.Context, call) (poller.Reading, error) {
					if wait := time.Until(opens); wait > 0 {
						return poller.Reading{}, &poller.Error{Class: "http_429", Wait: wait}
					}
					return reading(`1`), nil
				})
				o.Streams = append(o.Streams, poller.Stream{Name: fmt.Sprintf("s%d", i), Source: sources[i], Every: every})
			}
		})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		distinct := make(map[time.Duration]bool)
		for i, s := range sources {
			asked := s.asked()
			phase := asked[0]
			distinct[phase] = true
			if phase >= 2*time.Second || asked[1] != time.Minute+phase || asked[2] != asked[1]+every {
				t.Errorf("stream %d was asked at %v", i, asked[:3])
			}
		}
		if len(distinct) != streams {
			t.Errorf("%d phases, want %d", len(distinct), streams)
		}
	})
}

// The first polls of a few streams are spread over a time that grows with their number,
// whatever Spread is.
func TestSpreadGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const streams = 20
		sources := make([]*source, streams)
		start(t, newPublisher(), script(fails), func(o *poller.Options) {
			o.Spread = every
			o.Streams = nil
			for i := range sources {
				sources[i] = newSource(func(context.Context, call) (poller.Reading, error) { return reading(`1`), nil })
				o.Streams = append(o.Streams, poller.Stream{Name: fmt.Sprintf("s%d", i), Source: sources[i], Every: every})
			}
		})
		time.Sleep(every)
		synctest.Wait()
		var last time.Duration
		for _, s := range sources {
			last = max(last, s.asked()[0])
		}
		if last < time.Second || last > 2*time.Second {
			t.Errorf("the last of %d streams was asked after %v, want 1 to 2 s", streams, last)
		}
	})
}

// By default a stream is asked every five seconds.
func TestDefaultInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := newSource(func(context.Context, call) (poller.Reading, error) { return reading(`1`), nil })
		start(t, newPublisher(), script(fails), func(o *poller.Options) {
			o.Streams = []poller.Stream{{Source: asked}}
		})
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := asked.asked(); len(got) != 3 || got[2] != 10*time.Second {
			t.Errorf("asked at %v, want at 0, 5 and 10 s", got)
		}
	})
}
