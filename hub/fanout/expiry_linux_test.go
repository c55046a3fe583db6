package fanout

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/polluxhub/pollux/hub"
)

// What a review changes about the end of a stream, as its writer keeps it.
func TestWriterReviews(t *testing.T) {
	const never = 0
	for name, test := range map[string]struct {
		before, now time.Duration // until when the client may stay, from the beginning
		drains      bool
		want        time.Duration
		reason      EndReason
	}{
		"as before":            {time.Minute, time.Minute, false, time.Minute, ReasonExpired},
		"for ever, as before":  {never, never, false, 48 * time.Minute, ReasonAge},
		"revoked":              {never, -time.Hour, false, 10 * time.Second, ReasonExpired},
		"shorter":              {time.Minute, 30 * time.Second, false, 30 * time.Second, ReasonExpired},
		"longer":               {time.Minute, time.Hour / 2, false, time.Hour / 2, ReasonExpired},
		"for ever":             {time.Minute, never, false, 48 * time.Minute, ReasonAge},
		"longer than its age":  {time.Minute, 49 * time.Minute, false, 48 * time.Minute, ReasonAge},
		"revoked in a drain":   {never, -time.Hour, true, 10 * time.Second, ReasonExpired},
		"for ever, in a drain": {time.Minute, never, true, 20 * time.Second, ReasonDrain},
		"longer, in a drain":   {15 * time.Second, time.Hour, true, 20 * time.Second, ReasonDrain},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, err := hub.New(hub.Options{})
				if err != nil {
					t.Fatal(err)
				}
				e, err := New(Options{Hub: h, Logger: slog.New(slog.DiscardHandler), Random: func() float64 { return 0 }})
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				var until time.Time
				set := func(after time.Duration) {
					if until = begin.Add(after); after == never {
						until = time.Time{}
					}
				}
				w := &writer{engine: e, tick: 250 * time.Millisecond, begin: begin}
				c := &Client{engine: e, until: func([]string) time.Time { return until }}
				w.clients = []*Client{c}
				set(test.before)
				w.lifetime(c, w.expiry(c))
				w.wheel.Set(c.slot, c.endAt)
				time.Sleep(10 * time.Second)
				w.wheel.Advance(w.ticks(time.Since(begin)), func(uint32) {})
				if test.drains {
					e.window, w.draining = 10*time.Second, true
					e.opts.Random = func() float64 { return 1 }
					w.drainClient(c)
					w.reschedule(c, c.endAt)
				}
				set(test.now)
				w.reviewClient(c)
				if end := time.Duration(c.endAt) * w.tick; max(end, 10*time.Second) != test.want || c.endReason() != test.reason {
					t.Errorf("ends after %v because of %s, want %v, %s", end, c.endReason(), test.want, test.reason)
				}
				if due := w.wheel.At(c.slot); due > c.endAt && due > w.wheel.Now()+1 {
					t.Errorf("looked at after %d ticks, ends after %d", due, c.endAt)
				}
			})
		})
	}
}

// A hundred thousand of them are a large part of what a server needs.
func TestSizeOfAClient(t *testing.T) {
	for name, one := range map[string]struct{ size, most uintptr }{
		"client":       {unsafe.Sizeof(Client{}), 224},
		"subscription": {unsafe.Sizeof(hub.Subscription{}), 112},
	} {
		if one.size > one.most && unsafe.Sizeof(uintptr(0)) == 8 {
			t.Errorf("a %s takes %d bytes, want at most %d, which is a size that is allocated", name, one.size, one.most)
		}
	}
}
