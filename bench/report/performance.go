package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/result"
)

// Performance returns docs/performance.md. limit may be nil.
func Performance(p *result.Peers, limit *result.Limit) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	rs := runs(p.Runs)

	say("<!-- Written by `go run . report` in bench/, from bench/results. Do not edit: measure again. -->\n")
	say("# Performance\n")
	say("What a client costs, how soon it is told, and what happens when some do not read: Pollux beside other servers, all of")
	say("them measured by the same program in the same hour. [bench/README.md](../bench/README.md) says how, and why it is fair.\n")
	say("Each figure is the median of %d rounds. A round has every server once, in an order of its own. Ratios to the floor are", p.About.Settings.Rounds)
	say("taken within a round, and the median of them is given. The server has one core, the load another. Memory is that of")
	say("the server's processes (proportional set size), above what they used without clients; 1 kB is 1,000 bytes.\n")

	say("## Figures to reach\n\n%s", Goals(p, limit))
	say("[profile.md](profile.md) shows where time and memory go where a figure is not reached.\n")
	say("## Beside others\n\n%s", Summary(p))

	say("## Where another server is better than Pollux\n")
	if lines := better(rs); len(lines) > 0 {
		say("By more than 5 %% of the medians; the floor, which does less than a server must, is left out.\n")
		say("%s\n", strings.Join(lines, "\n"))
	} else {
		say("Nowhere, by more than 5 %% of the medians; the floor, which does less than a server must, is left out.\n")
	}

	say("## More clients\n")
	if limit == nil {
		say("Not measured.\n")
	} else {
		say("%s\n### As many as the machine allows\n\n%s", Growth(limit), Hold(limit.Hold))
	}

	say("## What was noisy\n\n%s", noiseText(rs))
	if text := Failures(p); text != "" {
		say("## What went wrong\n\n%s\n", text)
	}
	say("## What was measured\n\n%s", versions(p.About))
	say("### Machine and commands\n\n%s", machine(p, limit))
	return strings.TrimRight(b.String(), "\n") + "\n"
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

func machine(p *result.Peers, limit *result.Limit) string {
	var b strings.Builder
	m := p.About.Machine
	fmt.Fprintf(&b, "- %s, %d cores, %s GB, %s, %s; %s descriptors a process; everything over the loopback interface.\n",
		m.CPU, m.Cores, number(float64(m.MemoryBytes)/1e9), m.System, m.Kernel, thousands(int64(m.Descriptors)))
	if p.About.OneCore {
		b.WriteString("- Server and load had to share one core: times and rates mean nothing.\n")
	}
	command := func(a result.About) {
		fmt.Fprintf(&b, "- `%s`, %s, %s.\n", a.Command, a.Date.Format("2 January 2006, 15:04 MST"),
			(time.Duration(a.Seconds) * time.Second).String())
	}
	command(p.About)
	if limit != nil {
		command(limit.About)
	}
	b.WriteString("- Every figure of every run is in [bench/results](../bench/results).\n")
	return b.String()
}
