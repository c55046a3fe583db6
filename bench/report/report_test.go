package report

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/secure"
)

func TestTable(t *testing.T) {
	tab := &table{head: []string{"server", "µs"}}
	tab.add("a", "1,000")
	tab.add("floor (C)", none)
	const want = `| server    |    µs |
| --------- | ----: |
| a         | 1,000 |
| floor (C) |     – |
`
	if got := tab.String(); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.00", 0.004: "0.00", 1.234: "1.23", 9.996: "10.0", 12.34: "12.3", 99.96: "100", 1234.5: "1,235",
		-1234567: "-1,234,567", -2: "-2.00", math.Inf(1): none, math.NaN(): none,
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0 %", 0.0001: "< 0.1 %", 0.123: "12.3 %", 1: "100.0 %", math.NaN(): none} {
		if got := percent(v); got != want {
			t.Errorf("percent(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{1: "1.00", 0.025: "1/40", 0.5: "0.50", math.NaN(): none} {
		if got := share(v); got != want {
			t.Errorf("share(%v) = %q, want %q", v, got, want)
		}
	}
}

const clients = 10000

// fullRun makes a run in which the figures are what the arguments say.
func fullRun(name string, round int, cpu time.Duration, memory, last float64) result.Run {
	const delivered = 12 * clients
	base := result.Usage{Pss: 1e7, Descriptors: 9, Goroutines: 20, Heap: 1e6, Threads: 5}
	used := base
	used.Pss += int64(memory * clients)
	return result.Run{Peer: name, Round: round, Full: &result.Full{
		Clients: clients, Opened: load.Opened{Clients: clients, Seconds: 1},
		Base: base, Idle: used, After: used, Left: base,
		Paced:    load.Report{Planned: 12, Published: 12, Clients: clients, Delivered: delivered, LastClient: last},
		PacedCPU: cpu * delivered,
		Burst:    load.Report{Delivered: 1e6, Seconds: 2},
	}}
}

// smallRun adds the second part.
func smallRun(r result.Run, wire int64, with float64, gzip bool) result.Run {
	const documents = 20
	r.Small = &result.Small{
		Gzip:         gzip,
		Document:     load.Report{Published: documents, Readers: 900, Bytes: wire * documents * 900, Delivered: documents * 18},
		Without:      load.Report{Planned: 160, AllP99: 10},
		With:         load.Report{Planned: 500, Clients: 900, Delivered: 500 * 900, AllP99: with},
		Stalled:      100,
		Dropped:      100,
		DroppedAfter: 10,
		PeakWithout:  1e8,
		PeakWith:     1e8 + 100*63*kB,
	}
	return r
}

// perfect is a comparison in which every figure is reached.
func perfect() *result.Peers {
	p := &result.Peers{About: result.About{
		Settings: result.Settings{Clients: clients, Rounds: 3, Size: 200, Paced: 12, PacedInterval: time.Second, LargePace: 25 * time.Millisecond, Documents: 20},
		Machine:  proc.Machine{CPU: "a processor", Cores: 2},
	}}
	for round := 1; round <= 3; round++ {
		// The machine gets slower from round to round: ratios do not.
		slow := time.Duration(round)
		floor := fullRun(peer.Floor, round, 5000*slow, 0, 50*float64(slow))
		floor.Full.Burst.Delivered = 3e5
		p.Runs = append(p.Runs, floor)
		p.Runs = append(p.Runs, smallRun(fullRun(peer.Pollux, round, 5500*slow, 750, 57*float64(slow)), 5300, 11, false))
		p.Runs = append(p.Runs, smallRun(fullRun(peer.PolluxGzip, round, 5500*slow, 750, 57*float64(slow)), 132, 0, true))
		p.Runs = append(p.Runs, smallRun(fullRun("nchan", round, 8000*slow, 500, 80*float64(slow)), 5290, 30, false))
	}
	return p
}

func perfectLimit() *result.Limit {
	l := new(result.Limit)
	for _, n := range []int{1000, 19000} {
		r := fullRun(peer.Pollux, 1, 5000, 700, 5)
		r.Full.Clients, r.Full.Opened.Clients = n, n
		// What a client costs does not depend on how many there are.
		used := r.Full.Base
		used.Pss += int64(700 * n)
		r.Full.Idle, r.Full.After = used, used
		l.Growth = append(l.Growth, r)
	}
	l.Hold = &result.Hold{Clients: 19500, Bound: 20000, Samples: []result.Sample{{}}, Last: []float64{3, 5}}
	return l
}

// perfectSecure is a measurement of clients with TLS in which every figure is reached.
func perfectSecure() *secure.Result {
	r := &secure.Result{Settings: secure.Settings{Rounds: 2, LargePace: 25 * time.Millisecond}}
	row := func(name string, p secure.Protocol, f secure.Figures) {
		slow := f // the second round is slower: ratios are not
		slow.Join, slow.Return, slow.Delivery = 1.05*f.Join, 1.05*f.Return, 1.05*f.Delivery
		r.Rows = append(r.Rows, secure.Row{Peer: name, Title: "Pollux", Protocol: p, Clients: clients, Rounds: []secure.Figures{f, slow}})
	}
	stalled := secure.Stalled{Clients: 100, Memory: 60 * kB, Dropped: 100, After: 10}
	row(peer.Pollux, secure.Protocol{Streams: 1}, secure.Figures{Memory: 700, MemoryUsed: 700, Join: 32, Return: 32, Delivery: 8, Stalled: &stalled})
	row(peer.PolluxTLS, secure.Protocol{TLS: true, Streams: 1},
		secure.Figures{Memory: 7 * kB, MemoryUsed: 8 * kB, Join: 300, Return: 64, Delivery: 12, Stalled: &stalled})
	row(peer.PolluxTLS, secure.Protocol{TLS: true, HTTP2: true, Streams: 6}, secure.Figures{Memory: 70 * kB, Delivery: 40, Lost: 1})
	return r
}

// Each figure with TLS that is only just missed is reported as missed, and no other.
func TestSecureGoals(t *testing.T) {
	for name, test := range map[string]struct {
		change func(plain, with *secure.Figures)
		missed []string
	}{
		"nothing":  {func(_, _ *secure.Figures) {}, nil},
		"join":     {func(plain, _ *secure.Figures) { plain.Join *= 1.04 }, []string{"CPU of a join"}},
		"memory":   {func(_, with *secure.Figures) { with.Memory += 2 * kB }, []string{"TLS on HTTP/1.1: memory"}},
		"delivery": {func(_, with *secure.Figures) { with.Delivery *= 1.01 }, []string{"TLS: CPU per delivery"}},
		"return":   {func(_, with *secure.Figures) { with.Return *= 1.01 }, []string{"TLS: CPU of a return"}},
		"lost":     {func(_, with *secure.Figures) { with.Lost++ }, []string{"TLS: events lost"}},
		"kept":     {func(_, with *secure.Figures) { with.Stalled.After = -1 }, []string{"TLS: stalled clients"}},
		"late":     {func(_, with *secure.Figures) { with.Stalled.After = 11.1 }, []string{"TLS: stalled clients"}},
		"missed":   {func(_, with *secure.Figures) { with.Stalled.Lost++ }, []string{"TLS: events that healthy"}},
		"stalled":  {func(_, with *secure.Figures) { with.Stalled.Memory += 5 * kB }, []string{"TLS: memory per stalled"}},
	} {
		r := perfectSecure()
		for i := range r.Rows[0].Rounds {
			with := *r.Rows[1].Rounds[i].Stalled
			r.Rows[1].Rounds[i].Stalled = &with
			test.change(&r.Rows[0].Rounds[i], &r.Rows[1].Rounds[i])
		}
		var missed []string
		for _, g := range secureGoals(r) {
			if !g.known || !g.reached {
				missed = append(missed, g.what)
			}
		}
		if !slices.EqualFunc(missed, test.missed, strings.HasPrefix) {
			t.Errorf("%s: missed %q, want %q", name, missed, test.missed)
		}
	}
	for _, g := range secureGoals(nil) {
		if g.known {
			t.Errorf("%s is known: %s", g.what, g.measured)
		}
	}
}

func TestGoalsReached(t *testing.T) {
	for _, g := range goals(perfect(), perfectLimit()) {
		if !g.known || !g.reached {
			t.Errorf("%s: %s, want %s", g.what, g.measured, g.target)
		}
	}
}

// Each figure that is only just missed is reported as missed, and no other.
func TestGoalsMissed(t *testing.T) {
	all := func(p *result.Peers, change func(r *result.Run)) {
		for i := range p.Runs {
			if p.Runs[i].Peer == peer.Pollux {
				change(&p.Runs[i])
			}
		}
	}
	for name, test := range map[string]struct {
		change func(r *result.Run)
		missed []string
	}{
		"CPU":         {func(r *result.Run) { r.Full.PacedCPU = r.Full.PacedCPU * 102 / 100 }, []string{"CPU per delivery, 10,000"}},
		"memory":      {func(r *result.Run) { r.Full.After.Pss += clients * 10 }, []string{"memory per client, idle"}},
		"last client": {func(r *result.Run) { r.Full.Paced.LastClient *= 1.02 }, []string{"time to the last"}},
		"burst":       {func(r *result.Run) { r.Full.Burst.Delivered = 8e5 }, []string{"deliveries per second"}},
		"connects":    {func(r *result.Run) { r.Full.Opened.Seconds = 1.3 }, []string{"connects"}},
		"envelope":    {func(r *result.Run) { r.Small.Document.Bytes += 60 * 20 * 900 }, []string{"bytes per event to a plain client"}},
		"slowed":      {func(r *result.Run) { r.Small.With.AllP99 = 11.2 }, []string{"healthy clients' 99th"}},
		"lost":        {func(r *result.Run) { r.Small.With.Lost = 1 }, []string{"events that healthy clients lost"}},
		"kept":        {func(r *result.Run) { r.Small.Dropped, r.Small.DroppedAfter = 99, result.Unknown }, []string{"stalled clients disconnected"}},
		"late":        {func(r *result.Run) { r.Small.DroppedAfter = 11.5 }, []string{"stalled clients disconnected"}},
		"stalled":     {func(r *result.Run) { r.Small.PeakWith += 200 * kB }, []string{"memory per stalled"}},
		"descriptors": {func(r *result.Run) { r.Full.Left.Descriptors++ }, []string{"descriptors after"}},
		"goroutines":  {func(r *result.Run) { r.Full.Left.Goroutines++ }, []string{"goroutines after"}},
		"heap":        {func(r *result.Run) { r.Full.Left.Heap += 2e4 }, []string{"heap after"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := perfect()
			all(p, test.change)
			var missed []string
			for _, g := range goals(p, perfectLimit()) {
				if !g.known || !g.reached {
					missed = append(missed, g.what)
				}
			}
			if !slices.EqualFunc(missed, test.missed, strings.HasPrefix) {
				t.Errorf("missed %q, want %q", missed, test.missed)
			}
		})
	}
}

// What was not measured is neither reached nor missed.
func TestGoalsUnknown(t *testing.T) {
	p := perfect()
	p.Runs = slices.DeleteFunc(p.Runs, func(r result.Run) bool { return r.Peer != peer.Floor })
	for _, g := range goals(p, nil) {
		if g.known {
			t.Errorf("%s is known: %s", g.what, g.measured)
		}
	}
	p = perfect()
	for i := range p.Runs {
		if p.Runs[i].Small != nil {
			p.Runs[i].Small.Gzip = false // it was offered, and not taken
		}
	}
	for _, g := range goals(p, nil) {
		if strings.Contains(g.what, "gzip") && g.known {
			t.Errorf("%s: %s, without compression", g.what, g.measured)
		}
	}
}

func TestGrowthGoals(t *testing.T) {
	l := perfectLimit()
	l.Growth[1].Full.PacedCPU = l.Growth[1].Full.PacedCPU * 106 / 100
	l.Growth[1].Full.After.Pss += 19000 * 1000
	var missed []string
	for _, g := range growthGoals(l) {
		if !g.reached {
			missed = append(missed, g.what[:6])
		}
	}
	if want := []string{"memory", "CPU pe", "memory"}; !slices.Equal(missed, want) {
		t.Errorf("missed %q, want %q", missed, want)
	}
}

func TestBetter(t *testing.T) {
	lines := better(runs(perfect().Runs))
	want := []string{"memory per client, idle", "memory per client, after"}
	if !slices.EqualFunc(lines, want, strings.Contains) {
		t.Errorf("%q, want %q", lines, want)
	}
}

func TestNoise(t *testing.T) {
	tab, checked := noise(runs(perfect().Runs))
	if checked == 0 || len(tab.rows) == 0 {
		t.Fatalf("%d checked, %d noisy", checked, len(tab.rows))
	}
	for _, row := range tab.rows {
		if strings.HasPrefix(row[1], "memory") {
			t.Errorf("%q was the same in all rounds", row)
		}
	}
}

func TestPerformance(t *testing.T) {
	p := perfect()
	p.About.Versions = []result.Version{{Peer: "nchan", Version: "1.2"}, {Peer: "node", Missing: "no node"}}
	p.Runs = append(p.Runs, result.Run{Peer: "node", Round: 1, Error: "it\nfell over"})
	text := Performance(p, perfectLimit(), perfectSecure())
	for _, want := range []string{
		"**nginx + nchan** (1.2).", "**Node, plain http** was left out: no node", "node, round 1: it fell over",
		"19,500 clients is the limit", "1,000,000", "a processor, 2 cores",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || strings.Contains(text, "%!") {
		t.Errorf("the report has a figure that is none:\n%s", text)
	}
	if t.Failed() {
		t.Log(text)
	}
}
