package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/secure"
)

// Performance returns docs/performance.md. limit and tls may be nil.
func Performance(p *result.Peers, limit *result.Limit, tls *secure.Result) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	rs := runs(p.Runs)

	say("<!-- Written by `go run . report` in bench/, from bench/results. Do not edit it: measure again. -->\n")
	say("# Performance\n")
	say("What a client costs, how soon it receives an event, and what happens when some clients do not read. Pollux and other")
	say("servers were measured by the same program in the same hour. [bench/README.md](../bench/README.md) says how, and why the")
	say("comparison is fair.\n")
	say("Each figure is the median of %s. A round has every server once, in random order. The *floor* is a minimal server", rounds(p.About.Settings))
	say("in C. Ratios to it are taken within a round, and then their median. The server has one core and the load another. Memory")
	say("is the proportional set size of the server's processes, minus what they used without clients. 1 kB is 1,000 bytes.\n")

	say("## Goals\n\n%s", goalTable(append(goals(p, limit), secureGoals(tls)...)))
	say("[profile.md](profile.md) says where time and memory go if a goal is not reached. It also has the figures of keys and of")
	say("the newest document first: what [a key for each client](profile.md#a-key-for-each-client) costs, how regularly")
	say("[a key is polled](profile.md#the-interval-of-a-key-while-others-fail-come-or-have-to-wait), and what a client gets")
	say("[after a sleep or at half the rate](profile.md#the-newest-document-first).\n")
	say("## Comparison\n\n%s", Summary(p))

	say("## Where another server is better than Pollux\n")
	if lines := better(rs); len(lines) > 0 {
		say("Figures that differ by more than 5 %% of the medians. The floor is left out, because it does less than a server must.\n")
		say("%s\n", strings.Join(lines, "\n"))
	} else {
		say("No figure differs by more than 5 %% of the medians. The floor is left out, because it does less than a server must.\n")
	}

	say("## More clients\n")
	if limit == nil {
		say("Not measured.\n")
	} else {
		say("%s\n### As many as the machine allows\n\n%s", Growth(limit), Hold(limit.Hold))
	}

	say("## Clients with TLS, HTTP/2 and a proxy\n\n%s", secureText(tls))

	say("## What was noisy\n\n%s", noiseText(rs))
	if text := Failures(p); text != "" {
		say("## What went wrong\n\n%s\n", text)
	}
	say("## What was measured\n\n%s", versions(p.About)+secureNotes(tls))
	say("### Machine and commands\n\n%s", machine(p, limit, tls))
	say("Not part of this page: `make soak` keeps 20,000 clients for half an hour and accounts for every event, and\n" +
		"`make attack` measures what slow, silent and greedy connections do to the others.\n" +
		"[bench/README.md](../bench/README.md) describes both.")
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// rounds says how often servers were measured.
func rounds(o result.Settings) string {
	text := fmt.Sprintf("%d rounds", o.Rounds)
	if o.Others > 0 && o.Others < o.Rounds {
		text += fmt.Sprintf(", and %d of servers other than the floor and Pollux", o.Others)
	}
	return text
}

func noiseText(rs runs) string {
	t, checked := noise(rs)
	if len(t.rows) == 0 {
		return fmt.Sprintf("None of %d figures differed by more than %s between rounds.\n", checked, percent(noisy))
	}
	return fmt.Sprintf("Of %d figures, %d differed by more than %s of their median between rounds:\n\n%s",
		checked, len(t.rows), percent(noisy), t)
}

// versions tells what each server was, and how it was set up.
func versions(a result.About) string {
	var b strings.Builder
	for _, p := range peer.All() {
		for _, v := range a.Versions {
			switch {
			case v.Peer != p.Name:
			case v.Missing != "":
				fmt.Fprintf(&b, "- **%s** was left out: %s\n", p.Title, v.Missing)
			default:
				fmt.Fprintf(&b, "- **%s** (%s). %s\n", p.Title, v.Version, p.Note)
			}
		}
	}
	return b.String()
}

func machine(p *result.Peers, limit *result.Limit, tls *secure.Result) string {
	var b strings.Builder
	m := p.About.Machine
	fmt.Fprintf(&b, "- %s, %d cores, %s GB, %s, %s; %s descriptors per process; all connections are over the loopback interface.\n",
		m.CPU, m.Cores, number(float64(m.MemoryBytes)/1e9), m.System, m.Kernel, thousands(int64(m.Descriptors)))
	if p.About.OneCore {
		b.WriteString("- Server and load had to share one core, so times and rates mean nothing.\n")
	}
	command := func(a result.About) {
		fmt.Fprintf(&b, "- `%s`, %s, %s.\n", a.Command, a.Date.Format("2 January 2006, 15:04 MST"),
			(time.Duration(a.Seconds) * time.Second).String())
	}
	command(p.About)
	if limit != nil {
		command(limit.About)
	}
	if tls != nil {
		for _, about := range append([]result.About{tls.About}, tls.Later...) {
			command(about)
		}
	}
	b.WriteString("- Every figure of every run is in [bench/results](../bench/results).\n")
	return b.String()
}
