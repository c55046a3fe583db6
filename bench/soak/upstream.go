package soak

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// faultEvery is how often the upstream begins to fail, and faultFor how long it does:
	// at the end of each such interval.
	faultEvery = 20 * time.Second
	faultFor   = 4 * time.Second

	// documentEvery is how often the document of the upstream changes.
	documentEvery = time.Second
)

// faults are the ways in which the upstream fails, one after the other.
var faults = []func(w http.ResponseWriter, r *http.Request){
	func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
	func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },             // never an answer
	func(_ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },      // no answer
	func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, // no JSON
	func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9")
		_, _ = w.Write(nil)
	}, // a part
}

// upstream is what the stream polled asks. Its document is a number that grows with time.
type upstream struct{ elapsed func() time.Duration }

func newUpstream(elapsed func() time.Duration) *upstream { return &upstream{elapsed} }

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := u.elapsed()
	if at%faultEvery >= faultEvery-faultFor {
		faults[int(at/faultEvery)%len(faults)](w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"n":%d}`, at/documentEvery)
}
