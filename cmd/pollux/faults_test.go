package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every fault at the same time, each in a stream of one running program. Clients
// keep the last good document, are told, and get what is new when it is over; what
// happened is counted; and two streams without a fault notice nothing. What it
// costs in memory is TestFaultsTakeLittleMemory.
func TestFaults(t *testing.T) {
	t.Parallel()
	rows := faults(startElsewhere(t))
	upstreams := make(map[string]*upstream)
	readers := make(map[string]*reader)
	var entries []string
	for _, r := range rows {
		u := startUpstream(t, r.script, always(good))
		upstreams[r.name] = u
		entries = append(entries, r.entry(u, every))
	}
	healthy := []row{{name: "healthy"}, {name: "healthy-select", settings: []string{"select: '{n}'"}}}
	for _, r := range healthy {
		u := startUpstream(t, nil, counting)
		upstreams[r.name] = u
		entries = append(entries, r.entry(u, every))
	}
	p := startProcess(t, testBinary, configuration(entries...))
	each := func(phase string, of []row, check func(t *testing.T, r row, u *upstream)) {
		t.Run(phase, func(t *testing.T) {
			for _, r := range of {
				t.Run(r.name, func(t *testing.T) { check(t, r, upstreams[r.name]) })
			}
		})
	}

	begin := time.Now()
	each("healthy so far", slices.Concat(rows, healthy), func(t *testing.T, r row, _ *upstream) {
		eventually(t, "there is a document", func() bool { return streamStates(t, p.url)[r.stream()].State == "live" && hasLatest(t, p, r) })
	})
	for _, r := range slices.Concat(rows, healthy) {
		readers[r.name] = startReader(t, p.url+"/api/sse?stream="+r.stream())
	}
	for _, r := range rows {
		readers[r.name].expect(t, good)
		upstreams[r.name].misbehave()
	}

	each("clients are told", rows, func(t *testing.T, r row, u *upstream) {
		if len(r.clients.meanwhile) > 0 {
			readers[r.name].expect(t, r.meanwhile()...)
		} else {
			eventually(t, "four polls", func() bool { _, wronged, _ := u.counted(); return wronged >= 4 })
		}
	})
	each("the good document stays", rows, func(t *testing.T, r row, u *upstream) {
		want := good
		if r.clients.meanwhile != nil && r.class == "" {
			want = another
		}
		if got := getOK(t, p.url+"/api/latest?stream="+r.stream()); got != want {
			t.Errorf("the newest document is %s, want %s", got, want)
		}
		readers[r.name].expectNoMore(t)
		if r.clients.then == nil {
			expectAnHour(t, p, r, u)
		}
	})

	for _, r := range rows {
		if r.clients.then != nil {
			upstreams[r.name].give(always(better))
			upstreams[r.name].recover()
		}
	}
	each("it comes back", rows, func(t *testing.T, r row, _ *upstream) {
		if r.clients.then != nil {
			readers[r.name].expect(t, r.clients.then...)
		}
	})
	each("it is counted", rows, func(t *testing.T, r row, u *upstream) {
		readers[r.name].expectNoMore(t)
		expectCounted(t, p, r, u)
	})
	each("the others never noticed", healthy, func(t *testing.T, r row, _ *upstream) {
		expectUnnoticed(t, p, r, readers[r.name], int(time.Since(begin)/every))
	})
	p.stop(t)
	if strings.Contains(p.log.String(), secret) {
		t.Error("the secret is in the log")
	}
}

func hasLatest(t *testing.T, p *process, r row) bool {
	t.Helper()
	status, _ := request(t, http.MethodGet, p.url+"/api/latest?stream="+r.stream())
	return status == http.StatusOK
}

// expectAnHour checks that the upstream's hint is obeyed, as far as it is sensible.
func expectAnHour(t *testing.T, p *process, r row, u *upstream) {
	t.Helper()
	if _, wronged, _ := u.counted(); wronged != 1 {
		t.Errorf("the upstream was asked %d times, want once", wronged)
	}
	next := streamStates(t, p.url)[r.stream()].NextPoll
	if next == nil || time.Until(*next) < 50*time.Minute || time.Until(*next) > time.Hour+every {
		t.Errorf("the next poll is at %v, want it in an hour", next)
	}
}

// expectCounted checks that what went wrong was counted: each wrong answer once,
// in its class, or as a timeout where the machine was so busy that it was late.
func expectCounted(t *testing.T, p *process, r row, u *upstream) {
	t.Helper()
	counted := countersOf(t, p.admin)[r.stream()]
	polls, failed, late := 0, 0, 0
	for name, n := range counted {
		result, isPoll := strings.CutPrefix(name, "poll_requests ")
		if !isPoll {
			continue
		}
		polls += n
		switch result {
		case "ok", "unchanged":
		case r.class:
			failed = n
		case "timeout":
			late = n
		default:
			t.Errorf("%d failures of the class %s", n, result)
		}
	}
	if _, wronged, _ := u.counted(); r.script != nil && r.class != "" && (failed > wronged || failed+late < wronged) {
		t.Errorf("%d failures of the class %s and %d late answers, of %d wrong ones", failed, r.class, late, wronged)
	}
	if r.class != "" && failed == 0 {
		t.Errorf("no failure of the class %s: %v", r.class, counted)
	}
	if state := streamStates(t, p.url)[r.stream()]; state.Failures != failed+late || state.Requests < polls {
		t.Errorf("/api/streams has %d failures of %d requests, the metrics %d of %d", state.Failures, state.Requests, failed+late, polls)
	}
	if r.counter != "" && counted[r.counter] == 0 {
		t.Errorf("no %s: %v", r.counter, counted)
	}
}

// expectUnnoticed checks that clients got each document that the upstream gave,
// one an interval, and nothing else.
func expectUnnoticed(t *testing.T, p *process, r row, heard *reader, intervals int) {
	t.Helper()
	documents, err := heard.all()
	if err != nil {
		t.Errorf("the connection ended: %v", err)
	}
	expectConsecutive(t, documents)
	if len(documents) < intervals/2 {
		t.Errorf("%d documents in %d intervals", len(documents), intervals)
	}
	if state := streamStates(t, p.url)[r.stream()]; state.State != "live" || state.Failures > 0 {
		t.Errorf("%+v", state)
	}
}
