package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub/sse"
)

// reader collects what comes over one connection, in lines such as
//
//	{"n":1}              a document
//	status stale timeout a status, with its error if it has one
//	prices {"n":1}       any other event, such as one of several streams
type reader struct {
	mu    sync.Mutex
	heard []string
	err   error // why it ended; nil while it lasts

	checked int // how much of it expect has looked at
}

// startReader opens a stream, which ends with the test.
func startReader(t *testing.T, url string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: status %s", url, resp.Status)
	}
	r := new(reader)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer resp.Body.Close()
		decoder := sse.NewDecoder(resp.Body)
		for {
			e, err := decoder.Next()
			r.mu.Lock()
			if r.err = err; err == nil {
				r.heard = append(r.heard, told(e))
			}
			r.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		reading.Wait()
	})
	return r
}

func told(e sse.Event) string {
	var status struct{ State, Error string }
	switch {
	case e.Name == "":
		return string(e.Data)
	case e.Name == "status" && json.Unmarshal(e.Data, &status) == nil:
		return strings.TrimSpace("status " + status.State + " " + status.Error)
	default:
		return e.Name + " " + string(e.Data)
	}
}

// all returns what was heard so far, and why it ended if it has.
func (r *reader) all() ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heard, r.err
}

// expect waits for exactly these to be heard next.
func (r *reader) expect(t *testing.T, want ...string) {
	t.Helper()
	var next []string
	eventually(t, "hear "+strings.Join(want, ", "), func() bool {
		heard, err := r.all()
		next = heard[r.checked:]
		return len(next) >= len(want) || err != nil
	})
	next = next[:min(len(next), len(want))]
	r.checked += len(next)
	if diff := cmp.Diff(want, next); diff != "" {
		t.Errorf("heard (+), wanted (-):\n%s", diff)
	}
}

// expectNoMore checks that nothing was heard beyond what was expected.
func (r *reader) expectNoMore(t *testing.T) {
	t.Helper()
	heard, err := r.all()
	if more := heard[r.checked:]; len(more) > 0 || err != nil {
		t.Errorf("heard %q, and then %v", more, err)
	}
}

// expectSoon waits for something to be heard, statuses before it apart.
func (r *reader) expectSoon(t *testing.T, want string) {
	t.Helper()
	eventually(t, "hear "+want, func() bool {
		heard, err := r.all()
		for ; r.checked < len(heard); r.checked++ {
			if heard[r.checked] == want {
				r.checked++
				return true
			}
			if !strings.HasPrefix(heard[r.checked], "status ") {
				t.Fatalf("heard %s, wanted %s", heard[r.checked], want)
			}
		}
		if err != nil {
			t.Fatalf("the connection ended before %s: %v", want, err)
		}
		return false
	})
}

// expectEnd checks that the connection has ended whole, and that nothing was
// heard beyond what was expected.
func (r *reader) expectEnd(t *testing.T) {
	t.Helper()
	eventually(t, "the end", func() bool { _, err := r.all(); return err != nil })
	heard, err := r.all()
	if more := heard[r.checked:]; len(more) > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("heard %q, and then %v, want the end", more, err)
	}
}

// expectAnyOrder is expect for what comes in no certain order.
func (r *reader) expectAnyOrder(t *testing.T, want ...string) {
	t.Helper()
	from := r.checked
	eventually(t, "hear "+strings.Join(want, ", "), func() bool {
		heard, err := r.all()
		return len(heard) >= from+len(want) || err != nil
	})
	heard, _ := r.all()
	next := slices.Sorted(slices.Values(heard[from:min(len(heard), from+len(want))]))
	slices.Sort(want)
	r.checked += len(next)
	if diff := cmp.Diff(want, next); diff != "" {
		t.Errorf("heard (+), wanted in any order (-):\n%s", diff)
	}
}
