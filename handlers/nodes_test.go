package handlers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
)

// seenNodes is what node a of a cluster of three knows, of which one is gone.
func seenNodes() handlers.Nodes {
	since := hub.FormatTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	return handlers.Nodes{
		Here: handlers.Node{Name: "a", Lag: 7}, Size: 3,
		All: []handlers.Node{{Name: "a", Lag: 7}, {Name: "b", Age: 1234*time.Millisecond + 999*time.Microsecond}},
		Differences: []handlers.Difference{
			{Stream: "news", Node: "b", Since: since, Keys: []string{"every", "url"}},
			{Stream: "trades", Node: "b", Since: since, Keys: []string{}, Missing: new("a")},
			{Stream: "user", Node: "b", Since: since, Keys: []string{"keys.match"}},
		},
	}
}

const (
	here  = `{"node":"a","lag":7`
	nodes = here + `,"size":3,"nodes":[{"name":"a","lag":7,"age":0},{"name":"b","lag":0,"age":1.234}],"differences":[`

	ofNews   = `{"stream":"news","node":"b","since":"2026-03-01T12:00:00.000Z","keys":["every","url"],"missing":null}`
	ofTrades = `{"stream":"trades","node":"b","since":"2026-03-01T12:00:00.000Z","keys":[],"missing":"a"}`
	ofUser   = `{"stream":"user","node":"b","since":"2026-03-01T12:00:00.000Z","keys":["keys.match"],"missing":null}`
)

// A node says which nodes there are, how far each is behind, and which streams another one has
// configured in another way: of all streams, or of the one that is asked for. Only who may read
// every stream is told of more than the node that answers.
func TestNodes(t *testing.T) {
	g := newGuard(t)
	open := g.setup
	open.handlers.Tokens, open.handlers.Nodes, g.setup.handlers.Nodes = nil, seenNodes, seenNodes
	all, reader := []string{bearer(g.tokens["all"])}, []string{bearer(g.tokens["reader"])}
	for _, row := range []struct {
		name   string
		setup  setup
		target string
		header []string
		want   string
	}{
		{"no tokens", open, "/api/streams", nil, nodes + ofNews + "," + ofTrades + "," + ofUser + "],"},
		{"one stream", open, "/api/streams?stream=news", nil, nodes + ofNews + "],"},
		{"one that is the same", open, "/api/streams?stream=free", nil, nodes + "],"},
		{"who may read all", g.setup, "/api/streams", all, nodes + ofNews + "," + ofTrades + "," + ofUser + "],"},
		{"one stream for them", g.setup, "/api/streams?stream=news", all, nodes + ofNews + "],"},
		{"who may read one", g.setup, "/api/streams", reader, here + `,"streams":[`},
		{"that one", g.setup, "/api/streams?stream=news", reader, here + `,"streams":[`},
		{"nobody", g.setup, "/api/streams", nil, here + `,"streams":[`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, row.setup)
			if _, body := r.get(row.target, row.header...); !strings.HasPrefix(body, row.want) {
				t.Errorf("got  %s\nwant %s", body, row.want)
			}
		})
	}

	// A key is configured as its stream is.
	r := newRig(t, open)
	r.open("/api/sse?stream=user/1")
	if _, body := r.get("/api/streams?stream=user/1"); !strings.HasPrefix(body, nodes+ofUser+"],") {
		t.Errorf("of a key: %s", body)
	}
	// No other nodes, no members.
	open.handlers.Nodes = nil
	if _, body := newRig(t, open).get("/api/streams"); !strings.HasPrefix(body, `{"streams":[`) {
		t.Errorf("alone: %s", body)
	}
}
