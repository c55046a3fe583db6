package peers

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// TestNodes hears other nodes, one of which has a member that is not known, until they leave
// or fall silent.
func TestNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lag := uint64(3)
		p, err := New(Options{Conn: func(context.Context) (*nats.Conn, error) { return nil, nil }, Name: "n", Node: "b", Lag: func() uint64 { return lag }})
		if err != nil {
			t.Fatal(err)
		}
		hear := func(body string) {
			t.Helper()
			p.receive(nil, &nats.Msg{Subject: "n.here", Data: []byte(body)}, nil)
		}
		expect := func(want ...Node) {
			t.Helper()
			if diff := cmp.Diff(want, p.Nodes()); diff != "" {
				t.Errorf("nodes (-want +got)\n%s", diff)
			}
		}
		expect(Node{Name: "b", Lag: 3})
		hear(`{"session":"1","node":"c","lag":9,"color":"red"}`)
		hear(`{"session":"2","node":"a"}`)
		hear(`{"node":"nobody"}`)
		hear(`no JSON`)
		hear(string(encode(p.here()))) // its own
		time.Sleep(time.Second)
		expect(Node{Name: "a", Age: time.Second}, Node{Name: "b", Lag: 3}, Node{Name: "c", Lag: 9, Age: time.Second})

		hear(`{"session":"1","node":"c","lag":0}`)
		hear(`{"session":"2","gone":true}`)
		lag = 0
		expect(Node{Name: "b"}, Node{Name: "c"})

		time.Sleep(forgetAfter - 1)
		p.presences.forget(time.Now())
		expect(Node{Name: "b"}, Node{Name: "c", Age: forgetAfter - 1})
		time.Sleep(time.Nanosecond)
		p.presences.forget(time.Now())
		expect(Node{Name: "b"})
	})
}
