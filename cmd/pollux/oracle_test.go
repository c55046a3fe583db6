package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unique"
)

// oracle is a client that notes all that it gets, and from which node.
type oracle struct {
	mu       sync.Mutex
	got      []record
	statuses []record // without an ID
	resets   []string
	ended    int // connections that have ended, and attempts that have failed
}

// note notes a line.
func (o *oracle) note(node string, l leafLine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch l.Event {
	case "message":
		// Thousands of clients get the same.
		o.got = append(o.got, record{id: unique.Make(l.ID).Value(), document: unique.Make(string(l.Data)).Value(), node: node, at: time.Now()})
	case "status":
		o.statuses = append(o.statuses, record{document: string(l.Data), node: node, at: time.Now()})
	case "reset":
		o.resets = append(o.resets, string(l.Data))
	}
}

// listen reads a stream until ctx ends. It goes to any of the nodes, and to any of them again
// after the end of a connection, with the last ID.
func (o *oracle) listen(ctx context.Context, path string, nodes func() []string) {
	id := ""
	for ctx.Err() == nil {
		urls := nodes()
		url := urls[rand.IntN(len(urls))]
		_ = readLines(ctx, url+path, id, func(l leafLine) bool { // the node may be gone
			if l.ID != "" {
				id = l.ID
			}
			o.note(url, l)
			return true
		})
		if ctx.Err() != nil {
			return
		}
		o.mu.Lock()
		o.ended++
		o.mu.Unlock()
		time.Sleep(20*time.Millisecond + rand.N(60*time.Millisecond))
	}
}

// documents returns the documents that came so far.
func (o *oracle) documents() []record {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clip(o.got)
}

// last returns the ID of the last document, or "".
func (o *oracle) last() string {
	got := o.documents()
	if len(got) == 0 {
		return ""
	}
	return got[len(got)-1].id
}

// told returns the statuses and the resets that came so far.
func (o *oracle) told() (statuses []record, resets []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clip(o.statuses), slices.Clip(o.resets)
}

// isTold reports whether the last status has a text.
func (o *oracle) isTold(text string) bool {
	statuses, _ := o.told()
	return len(statuses) > 0 && strings.Contains(statuses[len(statuses)-1].document, text)
}

// ends returns how often a connection has ended or was not made.
func (o *oracle) ends() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

// oracles are several clients.
type oracles []*oracle

// listening has so many clients that listen until the test ends, or until stop is called, which
// waits for them.
func listening(t *testing.T, many int, path string, nodes func() []string) (list oracles, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	for range many {
		one := new(oracle)
		list = append(list, one)
		reading.Go(func() { one.listen(ctx, path, nodes) })
	}
	stop = func() {
		cancel()
		reading.Wait()
	}
	t.Cleanup(stop)
	return list, stop
}

// await waits until each client got the event with an ID, or a later one.
func (l oracles) await(t *testing.T, id string) {
	t.Helper()
	for i, one := range l {
		eventually(t, fmt.Sprintf("client %d gets %s", i, id), func() bool { return isPast(one.last(), id) })
	}
}

// isPast reports whether an ID is another one, or a later one of the same epoch.
func isPast(id, other string) bool {
	epoch, seq := parts(id)
	otherEpoch, otherSeq := parts(other)
	return epoch == otherEpoch && seq >= otherSeq
}

// parts returns the epoch and the sequence of an ID.
func parts(id string) (epoch string, seq uint64) {
	i := strings.LastIndexByte(id, '-')
	if i < 0 {
		return "", 0
	}
	seq, _ = strconv.ParseUint(id[i+1:], 10, 64) // else it is before all others
	return id[:i], seq
}

// newestID returns the ID of the newest document of a stream, as a node knows it.
func newestID(t *testing.T, node, stream string) string {
	t.Helper()
	var list struct {
		Streams []struct{ Name, LastEventID string }
	}
	if err := json.Unmarshal([]byte(getOK(t, node+"/api/streams")), &list); err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Streams {
		if one.Name == stream {
			return one.LastEventID
		}
	}
	return ""
}

// settle waits until each client got what is stored now, ends them all, and returns what is stored
// up to what they got. More may be published meanwhile.
func (l oracles) settle(t *testing.T, node, stream string, stop func()) *account {
	t.Helper()
	l.await(t, newestID(t, node, stream))
	stop()
	last := ""
	for _, one := range l {
		if last == "" || isPast(one.last(), last) {
			last = one.last()
		}
	}
	eventually(t, "a node has read as far as all clients", func() bool { return isPast(newestID(t, node, stream), last) })
	return readAccount(t, node, stream, last)
}

// expect checks that each client got what is stored, from its first document to its last one, and
// no reset.
func (l oracles) expect(t *testing.T, a *account) {
	t.Helper()
	faulty := 0
	for i, one := range l {
		wrong := a.check(one.documents())
		if _, resets := one.told(); len(resets) > 0 {
			wrong = append(wrong, "a reset came: "+resets[0])
		}
		if len(wrong) == 0 {
			continue
		}
		if faulty++; faulty <= 5 {
			t.Errorf("client %d, with %d documents: %s", i, len(one.documents()), some(wrong))
		}
	}
	if faulty > 0 {
		t.Errorf("%d clients of %d got something wrong", faulty, len(l))
	}
}

// mostEnds returns how often a connection of one client has ended, at most.
func (l oracles) mostEnds() (most int) {
	for _, one := range l {
		most = max(most, one.ends())
	}
	return most
}

// deliveries returns how many documents came in all.
func (l oracles) deliveries() (count int) {
	for _, one := range l {
		count += len(one.documents())
	}
	return count
}

// numberOf returns n of a document {"n":n}.
func numberOf(t *testing.T, document string) int {
	t.Helper()
	var d struct{ N int }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return d.N
}
