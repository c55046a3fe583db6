package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// flow publishes documents one after the other, each once.
type flow struct {
	mu           sync.Mutex
	acknowledged []record
}

// run publishes numbers to the stream events, at any of the nodes, until ctx ends. One that is not
// acknowledged is published again after a pause, at any of them, with the same key of idempotency.
func (f *flow) run(ctx context.Context, t *testing.T, nodes []string, pause time.Duration) {
	client := &http.Client{Timeout: longEnough}
	defer client.CloseIdleConnections()
	for n := 1; ctx.Err() == nil; n++ {
		one := record{document: fmt.Sprint(n)}
		began := time.Now()
		for ; one.id == ""; time.Sleep(pause) {
			if time.Since(began) > 10*longEnough {
				t.Errorf("document %d is not published", n)
				return
			}
			node := nodes[rand.IntN(len(nodes))]
			req, err := http.NewRequest(http.MethodPost, node+"/api/streams/events/events", strings.NewReader(one.document))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer publisher")
			req.Header.Set("Idempotency-Key", fmt.Sprint("n", n))
			resp, err := client.Do(req)
			if err != nil {
				continue
			}
			var answer struct{ ID string }
			if json.NewDecoder(resp.Body).Decode(&answer) == nil && resp.StatusCode == http.StatusOK {
				one.id, one.node, one.at = answer.ID, node, time.Now()
			}
			_ = resp.Body.Close()
		}
		f.mu.Lock()
		f.acknowledged = append(f.acknowledged, one)
		f.mu.Unlock()
	}
}

// all returns what is acknowledged so far.
func (f *flow) all() []record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clip(f.acknowledged)
}

// awaitAfter waits until a document is acknowledged after a moment, and returns how long after it.
func (f *flow) awaitAfter(t *testing.T, moment time.Time) (after time.Duration) {
	t.Helper()
	eventually(t, "a document is stored", func() bool {
		list := f.all()
		for i := len(list) - 1; i >= 0 && list[i].at.After(moment); i-- {
			after = list[i].at.Sub(moment)
		}
		return after > 0
	})
	return after
}

// account returns what a node says is stored, and checks that this is what was published: each
// document once, in order, and with the ID that was told.
func (f *flow) account(t *testing.T, node string) *account {
	t.Helper()
	list := f.all()
	if len(list) == 0 {
		t.Fatal("nothing is published")
	}
	a := readAccount(t, node, "events", list[len(list)-1].id)
	if wrong := a.lacks(list); len(wrong) > 0 || len(a.stored) != len(list) {
		t.Errorf("%d documents were published, and %d are stored: %s", len(list), len(a.stored), some(wrong))
	}
	return a
}
