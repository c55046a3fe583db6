// Package scale is a model of what many clients need: nodes, traffic, time and money. It only
// multiplies. What it multiplies are assumptions, each of which has a name, a value and a
// source, and can be changed.
package scale

import (
	"fmt"
	"math"
	"strings"
)

// Assumption is one number of the model.
type Assumption struct {
	Name    string // of its flag
	Value   float64
	Unit    string
	Meaning string
	Source  string // why it has this value
}

// Assumptions are all numbers of the model, in the order in which they are told.
type Assumptions []Assumption

// The names of the assumptions.
const (
	clients      = "clients"
	interval     = "interval"
	size         = "size"
	overhead     = "overhead"
	perNode      = "clients-per-node"
	cores        = "cores"
	load         = "load"
	delivery     = "delivery"
	join         = "join"
	life         = "life"
	process      = "process-memory"
	kernel       = "kernel-memory"
	hop          = "hop"
	logOverhead  = "log-overhead"
	logQuiet     = "log-quiet"
	logPeer      = "log-peer"
	leafShare    = "nodes-per-origin"
	nodePrice    = "node-price"
	trafficPrice = "traffic-price"
)

// nodesRun is the source of what was measured with several nodes.
const nodesRun = "`bench nodes`, see the table above"

// Defaults returns the assumptions for ten million clients that use TLS.
func Defaults() Assumptions {
	return Assumptions{
		{clients, 10e6, "", "clients", "the question"},
		{interval, 5, "s", "between two events of the stream of a client", "the default of `every`"},
		{size, 200, "bytes", "of one event on its way to a client, before framing", "a small document, or the difference between two large ones"},
		{overhead, 150, "bytes", "more for each event: `id:` and `data:`, chunk, TLS record, TCP and IP", "counted on the wire"},
		{perNode, 300_000, "", "clients of one node", "`--max-clients 300000`, and as many descriptors; it was not measured here, where a process may open 20,000"},
		{cores, 8, "", "processors of one node", "a common size"},
		{load, 0.5, "", "share of them that may be busy, so that a node that is gone can be replaced by others", "usual practice"},
		{delivery, 10, "µs", "of a processor for one event to one client, with TLS", "`bench tls`, docs/performance.md"},
		{join, 1000, "µs", "of a processor for a client that connects with a whole TLS handshake", "`bench tls`, docs/performance.md"},
		{life, 3240, "s", "that a stream lasts until it ends by itself", "the mean of `max_age`, 48 to 60 minutes"},
		{process, 8, "kB", "of the process for each client with TLS", "`bench tls`, docs/performance.md"},
		{kernel, 5, "kB", "of the kernel for each connection", nodesRun},
		{hop, 2, "ms", "from one server to another one in the same region", "usual practice"},
		{logOverhead, 110, "bytes", "more for each event on its way from NATS to a node", nodesRun},
		{logQuiet, 1250, "bytes", "from NATS to a node in each second, whether there are events or not", nodesRun},
		{logPeer, 100, "bytes", "more in each second for each other node: nodes tell each other that they are there", nodesRun},
		{leafShare, 50, "", "leaves that one server feeds", "docs/scale.md"},
		{nodePrice, 210, "USD", "for one node of that size in a month", "list price of a large cloud for 8 processors and 16 GB, on demand"},
		{trafficPrice, 0.05, "USD", "for one GB to the internet", "list price of a large cloud above 150 TB in a month"},
	}
}

// Value returns one number.
func (a Assumptions) Value(name string) float64 {
	for _, one := range a {
		if one.Name == name {
			return one.Value
		}
	}
	return math.NaN()
}

// Result is one line of the answer.
type Result struct {
	What, Value, How string
}

const (
	month = 30 * 24 * 3600 // seconds
	gb    = 1e9
)

// Answer multiplies.
func (a Assumptions) Answer() []Result {
	v := a.Value
	rate := v(clients) / v(interval)                 // deliveries in a second
	joins := v(clients) / v(life)                    // in a second
	busy := (rate*v(delivery) + joins*v(join)) / 1e6 // processors
	byCPU := math.Ceil(busy / (v(cores) * v(load)))
	byClients := math.Ceil(v(clients) / v(perNode))
	nodes := math.Max(byCPU, byClients)
	each := v(clients) / nodes
	levels := 1.0
	for feeds := v(leafShare); feeds < nodes; feeds *= v(leafShare) {
		levels++
	}
	out := rate * (v(size) + v(overhead)) // bytes in a second
	last := each*v(delivery)/1e6/v(cores) + levels*v(hop)/1e3
	gigabytes := out * month / gb
	inside := nodes * ((v(size)+v(logOverhead))/v(interval) + v(logQuiet) + (nodes-1)*v(logPeer))
	return []Result{
		{"deliveries", perSecond(rate), "clients ÷ interval"},
		{"nodes", whole(nodes), fmt.Sprintf("the larger one of %s for processors and %s for clients", whole(byCPU), whole(byClients))},
		{"clients of a node", whole(each), "clients ÷ nodes"},
		{"busy processors of a node", fmt.Sprintf("%.1f of %s", busy/nodes, whole(v(cores))), "deliveries × delivery + streams that end by themselves × join"},
		{"memory of a node", fmt.Sprintf("%.1f GB", each*(v(process)+v(kernel))*1000/gb), "clients of a node × (process-memory + kernel-memory)"},
		{"levels of leaves", whole(levels), "until one server feeds at most nodes-per-origin"},
		{"log to nodes", bytesPerSecond(inside), "nodes × ((size + log-overhead) ÷ interval + log-quiet + (nodes - 1) × log-peer), from NATS; an origin sends its leaves less"},
		{"last client of a node has an event after", fmt.Sprintf("%.2f s", last), "clients of a node × delivery ÷ cores + levels × hop"},
		{"all clients of a node that is gone are back after", fmt.Sprintf("%.0f s", each*v(join)/1e6/(v(cores)*(1-v(load))*math.Max(nodes-1, 1))), "clients of a node × join ÷ the processors that are free at the others"},
		{"all clients at once need for their handshakes", fmt.Sprintf("%.0f s", v(clients)*v(join)/1e6/(nodes*v(cores))), "clients × join ÷ all processors"},
		{"traffic to clients", bytesPerSecond(out), "deliveries × (size + overhead)"},
		{"nodes in a month", dollars(nodes * v(nodePrice)), "nodes × node-price"},
		{"traffic in a month", fmt.Sprintf("%s for %.0f TB", dollars(gigabytes*v(trafficPrice)), gigabytes/1000), "traffic × traffic-price"},
	}
}

// Text returns assumptions and answer in Markdown.
func (a Assumptions) Text() string {
	var b strings.Builder
	b.WriteString("| assumption | value | meaning | source |\n| --- | ---: | --- | --- |\n")
	for _, one := range a {
		value := strings.TrimSpace(fmt.Sprintf("%s %s", number(one.Value), one.Unit))
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", one.Name, value, one.Meaning, one.Source)
	}
	b.WriteString("\n| result | value | computed as |\n| --- | ---: | --- |\n")
	for _, r := range a.Answer() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.What, r.Value, r.How)
	}
	return b.String()
}

// number formats a number without an exponent, with commas.
func number(v float64) string {
	if v != math.Trunc(v) {
		return fmt.Sprint(v)
	}
	return whole(v)
}

// whole formats a whole number with commas.
func whole(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func perSecond(v float64) string { return whole(v) + "/s" }

func bytesPerSecond(v float64) string {
	switch {
	case v >= 1e9:
		return fmt.Sprintf("%.1f GB/s", v/1e9)
	case v >= 1e6:
		return fmt.Sprintf("%.1f MB/s", v/1e6)
	default:
		return fmt.Sprintf("%.1f kB/s", v/1e3)
	}
}

func dollars(v float64) string { return "USD " + whole(v) }
