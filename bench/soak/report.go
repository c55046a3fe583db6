package soak

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verdict is one of the things that a run has to show.
type Verdict struct {
	What string
	OK   bool
	Told string // the figures behind it
}

// Verdicts judges the run. The criteria are written here and nowhere else.
func (r *Result) Verdicts() []Verdict {
	n := r.Counts
	caught := len(n.Unanswered) - len(r.unexplained())
	verdicts := []Verdict{
		{"every event is accounted for", n.Violations == 0, fmt.Sprintf("%d are not", n.Violations)},
		{"each stretch has what others saw in it", n.Checked > 0, fmt.Sprintf("%d stretches were compared", n.Checked)},
		{"no stream is cut", n.Cut == 0, fmt.Sprintf("%d were", n.Cut)},
		{"only a restart leaves connections without an answer", caught == len(n.Unanswered), fmt.Sprintf("%d of %d", caught, len(n.Unanswered))},
		{"no client is refused for load", n.Overloaded == 0, fmt.Sprintf("%d were", n.Overloaded)},
		{"readers that read nothing are closed", n.Kept == 0 && (n.Stalled > 0 || r.Options.Stalled == 0), fmt.Sprintf("%d connections were, %d not", n.Stalled, n.Kept)},
		{"reloads work, and the server ends with status 0", len(r.Failures) == 0, strings.Join(r.Failures, "; ")},
	}
	warm := lives(r.Samples, r.Options.Warm)
	var all []Sample
	for _, life := range warm {
		all = append(all, life...)
	}
	verdicts = append(verdicts, Verdict{"the server was looked at", len(all) >= 2, fmt.Sprintf("%d samples after warm-up", len(all))})
	for _, figure := range Figures() {
		ok, worst := true, Trend{}
		for _, samples := range append(warm, all) {
			t := figure.trend(samples)
			ok = ok && t.Flat
			if t.Samples >= 2 && (worst.Samples == 0 || t.Last-t.First > worst.Last-worst.First) {
				worst = t
			}
		}
		verdicts = append(verdicts, Verdict{"flat: " + figure.Name, ok, fmt.Sprintf("from %.1f to %.1f at most", worst.First/figure.unit, worst.Last/figure.unit)})
	}
	return verdicts
}

// withTLS is what the report adds to the number of clients.
var withTLS = map[bool]string{true: " with TLS", false: " without TLS"}

// unexplained returns the connections without an answer that no restart has met.
func (r *Result) unexplained() []Span {
	return slices.DeleteFunc(slices.Clone(r.Counts.Unanswered), func(s Span) bool {
		return slices.ContainsFunc(r.Away, s.overlaps)
	})
}

// OK tells whether the run shows all that it has to.
func (r *Result) OK() bool {
	for _, v := range r.Verdicts() {
		if !v.OK {
			return false
		}
	}
	return true
}

// Report is the run in Markdown.
func (r *Result) Report() string {
	var b strings.Builder
	o, n := r.Options, r.Counts
	fmt.Fprintf(&b, "# Soak\n\n%d clients%s in %d processes for %v, %s, and %d that read nothing. Each second %d of them leave and come back, one in %d of these anew.\n"+
		"A document every %v; the upstream of another stream fails for %v of every %v, in %d ways. A reload every %v, a restart every %v.\n\n",
		o.Clients, withTLS[o.TLS], o.Processes, r.Took.Round(time.Second), r.Version, o.Stalled, o.Churn, anewShare, o.Publish, faultFor, faultEvery, len(faults), o.Reload, o.Restart)
	b.WriteString("| what | holds | figures |\n| --- | --- | --- |\n")
	for _, v := range r.Verdicts() {
		holds := "yes"
		if !v.OK {
			holds = "**no**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", v.What, holds, v.Told)
	}
	fmt.Fprintf(&b, "\nA figure is flat if the straight line through its samples grows by no more than a twentieth and a slack "+
		"(memory 4 MB, goroutines 20, descriptors 50, series none). That is so for each life of the server, from %v after its start on, and for the whole run.\n", o.Warm)
	fmt.Fprintf(&b, "\n%d documents were published, %d received (of both streams), with %d status events and %d resets. "+
		"Clients left %d streams, the server ended %d. %d connections met no server, and %d publishes a server that was going (%d without an answer). "+
		"%d reloads. The servers took %v to end.\n",
		r.Published, n.Events, n.Statuses, n.Resets, n.Left, n.Ended, n.Refused, r.Refused, r.Uncertain, r.Reloads, rounded(r.Restarts))
	b.WriteString("\n| after | age | clients | memory, MB | goroutines | descriptors beside clients | series |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	const rows = 40
	step := max(1, (len(r.Samples)+rows-1)/rows)
	for i := 0; i < len(r.Samples); i += step {
		s := r.Samples[i]
		fmt.Fprintf(&b, "| %v | %v | %d | %.1f | %.0f | %.0f | %.0f |\n", s.At.Round(time.Second), s.Age.Round(time.Second),
			s.Clients, s.Memory/1e6, s.Goroutines, s.Descriptors, s.Series)
	}
	if others := r.unexplained(); len(others) > 0 {
		fmt.Fprintf(&b, "\nConnections without an answer and without a restart, the first of them:\n\n")
		for _, s := range others[:min(len(others), mostNotes)] {
			fmt.Fprintf(&b, "- from %v to %v\n", s.From.Format(time.TimeOnly), s.To.Format(time.TimeOnly))
		}
	}
	if len(n.Notes) > 0 {
		b.WriteString("\nThe first of what was not as it should be:\n\n")
		for _, note := range n.Notes {
			fmt.Fprintf(&b, "- %s\n", note)
		}
	}
	return b.String()
}

func rounded(times []time.Duration) (list []time.Duration) {
	for _, t := range times {
		list = append(list, t.Round(10*time.Millisecond))
	}
	return list
}
