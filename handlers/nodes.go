package handlers

import (
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// Nodes is what one of several nodes with the same events knows of all of them.
type Nodes struct {
	Here Node   // that answers
	All  []Node // by name, with Here

	// Size is how many nodes keep the events, also those that are gone; 0 if the events are
	// kept elsewhere, and any number of nodes may come.
	Size int

	Differences []Difference // by stream and node
}

// Node is one of several nodes with the same events, as it has told of itself.
type Node struct {
	Name string
	Lag  uint64        // events that were stored and that it has not read yet
	Age  time.Duration // since it has told so; 0 of the node that answers
}

// Difference is a stream that another node than the one that answers has configured in another
// way.
type Difference struct {
	Stream  string   `json:"stream"`
	Node    string   `json:"node"`    // the other one
	Since   *string  `json:"since"`   // when that was seen first
	Keys    []string `json:"keys"`    // of the settings; none if one of both does not have the stream
	Missing *string  `json:"missing"` // the node that does not have it
}

// nodeInfo is one node in the answer of GET /api/streams.
type nodeInfo struct {
	Name string  `json:"name"`
	Lag  uint64  `json:"lag"`
	Age  float64 `json:"age"` // seconds since it has told so, to the millisecond
}

// nodesInfo is what GET /api/streams has of the nodes beside the streams. Its members are missing
// if there are no other nodes, and all but those of the node that answers for a caller that may
// not read every stream: they tell of the other streams too.
type nodesInfo struct {
	Node        string        `json:"node,omitempty"` // that answers, of several with the same events
	Lag         *uint64       `json:"lag,omitempty"`  // events that were stored and that it has not read yet
	Size        int           `json:"size,omitempty"`
	Nodes       []nodeInfo    `json:"nodes,omitempty"`
	Differences *[]Difference `json:"differences,omitempty"`
}

// nodes returns what a caller may know of the nodes. If the name of a stream is given, it returns
// the differences of that stream alone, otherwise those of all streams.
func (s *server) nodes(c echo.Context, stream string) (info nodesInfo) {
	if s.Nodes == nil {
		return info
	}
	known := s.Nodes()
	info.Node, info.Lag = known.Here.Name, &known.Here.Lag
	if !s.readsAll(c) {
		return info
	}
	info.Size = known.Size
	for _, n := range known.All {
		info.Nodes = append(info.Nodes, nodeInfo{Name: n.Name, Lag: n.Lag, Age: seconds(n.Age)})
	}
	stream, _, _ = strings.Cut(stream, "/")
	differences := slices.DeleteFunc(slices.Clone(known.Differences), func(d Difference) bool { return stream != "" && d.Stream != stream })
	if differences == nil {
		differences = []Difference{}
	}
	info.Differences = &differences
	return info
}
