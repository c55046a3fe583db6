package main

import "testing"

// A stream that is polled on demand is not asked while nobody listens, but for a
// while behind the last one, and at once when somebody comes. That nothing comes
// is seen by a clock: a stream that is always polled, and was so five times,
// within two intervals of brisk.
func TestOnDemand(t *testing.T) {
	t.Parallel()
	const (
		headers  = "headers: {X-Api-Key: " + secret + "}"
		onDemand = "poll: on-demand"
		late     = "timeout: 950ms" // a poll that a busy machine does not end in time is asked for, and not heard
		linger   = "linger: 1s"
	)
	clock := startUpstream(t, nil, counting)
	brisk := startUpstream(t, nil, counting)
	rare := startUpstream(t, nil, counting)
	p := startProcess(t, testBinary, configuration(
		entry("clock", clock.url(), headers, "every: 500ms"),
		entry("brisk", brisk.url(), headers, onDemand, linger, "every: 1s", late),
		entry("rare", rare.url(), headers, onDemand, linger, "every: 1h")))
	asked := func(u *upstream) int { n, _, _ := u.counted(); return n }
	tick := func(what string, u *upstream) {
		t.Helper()
		before := asked(u)
		eventually(t, what, func() bool { return asked(u) >= before+5 })
	}
	expectIdle := func(name string, u *upstream, want int) {
		t.Helper()
		if state := streamStates(t, p.url)[name]; asked(u) != want || !state.Idle || state.NextPoll != nil || state.State == "down" {
			t.Errorf("%s, to which nobody listens: asked %d times, want %d: %+v", name, asked(u), want, state)
		}
	}

	tick("the clock ticks", clock)
	expectIdle("brisk", brisk, 0)
	expectIdle("rare", rare, 0)

	// Who comes is served at once: the tick of rare would be within the hour.
	t.Run("somebody listens", func(t *testing.T) {
		startReader(t, p.url+"/api/sse?stream=rare").expect(t, counting(1))
		r := startReader(t, p.url+"/api/sse?stream=brisk")
		for n := range 3 {
			r.expectSoon(t, counting(n+1))
		}
	}) // and leaves
	eventually(t, "the last listener is outlived", func() bool {
		states := streamStates(t, p.url)
		return states["brisk"].Idle && states["rare"].Idle
	})
	polled := asked(brisk)
	tick("the clock ticks", clock)
	expectIdle("brisk", brisk, polled)
	expectIdle("rare", rare, 1)

	// What is there is told at once, and what is new after it. Within its interval
	// nobody is asked twice.
	startReader(t, p.url+"/api/sse?stream=rare").expect(t, counting(1))
	r := startReader(t, p.url+"/api/sse?stream=brisk")
	r.expect(t, counting(polled))
	r.expectSoon(t, counting(polled+1))
	tick("the clock ticks", clock)
	if n := asked(rare); n != 1 {
		t.Errorf("rare was asked %d times within an hour", n)
	}
	p.stop(t)
}
