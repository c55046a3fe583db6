package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// Of two nodes that share their events in NATS, one follows an event stream. It ends, and another one
// goes on behind the newest event. That one is killed, and the next one goes on behind the event that was
// noted with the lease. So nothing is left out, and only after the kill something comes again.
func TestNodesFollowAnEventStream(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	origin := startProcess(t, testBinary, configuration("  - {name: events, push: true}\n")+"publish_token: sesame\nhistory: 10000\n")
	nodes := newPollers(t, func(name string) string {
		return configuration(follows("events", origin.url+eventsPath, "every: 2s", "replay: all", "history: 10000")) +
			fmt.Sprintf("nats: [%q]\nnode: %s\n", server.URL, name)
	})
	nodes.begin(t, "a")
	nodes.begin(t, "b")
	number := 0
	publish := func(many int) {
		t.Helper()
		for range many {
			publishEvent(t, origin.url, number)
			number++
		}
	}
	holder := nodes.holder(t, "events")
	publish(20)
	other := map[string]string{"a": "b", "b": "a"}
	url := nodes.node(other[holder]).url
	clients, _ := listening(t, 3, eventsPath, func() []string { return []string{url} })
	awaitNumber(t, clients, number-1)
	publish(20)
	nodes.end(t, holder)
	publish(20)
	awaitNumber(t, clients, number-1)
	for _, one := range clients {
		expectOnward(t, one, 0)
	}

	nodes.begin(t, holder)
	killed := nodes.holder(t, "events")
	url = nodes.node(other[killed]).url
	publish(20)
	nodes.kill(t, killed)
	began := time.Now()
	publish(20)
	awaitNumber(t, clients, number-1)
	t.Logf("the next node goes on %v after the kill", time.Since(began).Round(time.Millisecond))
	publish(20)
	awaitNumber(t, clients, number-1)
	for _, one := range clients {
		expectOnward(t, one, 1)
	}
}

// expectOnward checks that a client has got one event after the other, without a reset, and has gone back
// to an older one so often at most.
func expectOnward(t *testing.T, one *oracle, most int) {
	t.Helper()
	list, back := numbers(t, one), 0
	for i := 1; i < len(list); i++ {
		switch {
		case list[i] <= list[i-1]:
			back++
		case list[i] != list[i-1]+1:
			t.Errorf("%d comes after %d", list[i], list[i-1])
		}
	}
	if _, resets := one.told(); back > most || len(resets) > 0 {
		t.Errorf("a client has gone back %d times, and has got %v", back, resets)
	}
}

// numbers returns the numbers of the events that a client got.
func numbers(t *testing.T, one *oracle) (list []int) {
	t.Helper()
	for _, got := range one.documents() {
		var event struct{ N int }
		if err := json.Unmarshal([]byte(got.document), &event); err != nil {
			t.Fatal(err)
		}
		list = append(list, event.N)
	}
	return list
}

// awaitNumber waits until the last event of each client has a number.
func awaitNumber(t *testing.T, clients oracles, number int) {
	t.Helper()
	for _, one := range clients {
		eventually(t, fmt.Sprintf("event %d comes", number), func() bool {
			list := numbers(t, one)
			return len(list) > 0 && list[len(list)-1] == number
		})
	}
}
