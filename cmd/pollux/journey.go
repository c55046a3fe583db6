package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/polluxhub/pollux/poller/httpjson"
)

// journey is what happened on the way to an upstream: its answers, and when each phase of
// the last connection ended.
type journey struct {
	mu      sync.Mutex
	phases  []phase
	answers []response
}

// phase is a part of the way, and how long it took.
type phase struct {
	name string
	took time.Duration
}

// response is the beginning of a response, or what was done without one.
type response struct {
	did    string // then there is nothing else
	url    string // without what may be secret
	method string
	proto  string
	status string
	header http.Header
}

// watch returns a context whose requests are observed.
func (j *journey) watch(ctx context.Context) context.Context {
	var last time.Time
	begin := func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		last = time.Now()
	}
	end := func(name string) {
		j.mu.Lock()
		defer j.mu.Unlock()
		now := time.Now()
		j.phases = append(j.phases, phase{name, now.Sub(last)})
		last = now
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(string) { begin() },
		DNSDone:              func(httptrace.DNSDoneInfo) { end("lookup") },
		ConnectDone:          func(string, string, error) { end("connect") },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { end("TLS") },
		WroteRequest:         func(httptrace.WroteRequestInfo) { end("request") },
		GotFirstResponseByte: func() { end("first byte") },
	})
	return httpjson.WithNotes(httpjson.WithObserver(ctx, j.arrived), j.did)
}

// did notes what was done.
func (j *journey) did(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.answers = append(j.answers, response{did: what})
}

// arrived notes a response.
func (j *journey) arrived(r *http.Response) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.answers = append(j.answers, response{
		url: r.Request.URL.String(), method: r.Request.Method, proto: r.Proto, status: r.Status, header: r.Header,
	})
}
