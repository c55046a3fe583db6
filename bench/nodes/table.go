package nodes

import (
	"fmt"
	"strings"

	"github.com/polluxhub/pollux/bench/stat"
)

// name is what the table calls a case.
func (c Case) name() string {
	one, many, where := "node", "nodes", "beside one NATS server"
	if c.Log == Leaves {
		one, many, where = "leaf", "leaves", "of one origin"
	}
	if c.Nodes == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s %s", c.Nodes, many, where)
}

// Table returns rows in Markdown.
func Table(rows []Row) string {
	var b strings.Builder
	b.WriteString("| what | clients | connected in, s | a node without clients, MB | a client, kB | its connection, kB | delivery, µs | " +
		"half of the clients of a node, ms | last client, ms: median, most | log to a node in a quiet second: messages, bytes | and for an event | processors of the log | deliveries | lost, late, twice |\n" +
		"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(&b, "| %s | %s | %.1f | %.1f | %.2f | %.2f | %.1f | %.0f | %.0f, %.0f | %.1f, %.0f | %.1f, %.0f | %.3f | %s | %d, %d, %d |\n",
			r.name(), number(int64(r.Clients)), r.Opened, r.NodeMemory()/1e6, r.ClientMemory()/1e3, r.KernelMemory()/1e3,
			float64(r.Delivery().Nanoseconds())/1e3, stat.Median(r.Middle), r.LastMedian(), r.LastMost(),
			r.QuietMessages(), r.QuietBytes(), r.EventMessages(), r.EventBytes(), r.LogProcessors(),
			number(r.Delivered), r.Lost, r.Late, r.Duplicates)
	}
	return b.String()
}

// number formats a number with commas.
func number(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
