package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Streams that a script listens to in the background.

// listeners are those of a script, by name.
type listeners map[string]*listener

// listener is one of them. What it has heard is counted from the last thing that it was
// asked for.
type listener struct {
	mu    sync.Mutex
	text  string
	ended bool
}

// listenPatience bounds how long a script waits. It says nothing about speed.
const listenPatience = 30 * time.Second

type listenersKey struct{}

// listenTo opens a stream, with the token in a file if there is one, under a name:
//
//	listen alice http://$ADDRESS/api/sse?stream=a alice.token
func listenTo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: listen NAME URL [FILE]")
	}
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[1], http.NoBody)
	ts.Check(err)
	req.Header.Set("Accept", "text/event-stream")
	if len(args) > 2 {
		token, _, _ := strings.Cut(ts.ReadFile(args[2]), "\n")
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		cancel()
		ts.Fatalf("%s: %s", resp.Status, body)
	}
	one, done := new(listener), make(chan struct{})
	go func() {
		defer close(done)
		one.read(resp.Body)
	}()
	ts.Defer(func() {
		cancel()
		<-done
	})
	all, _ := ts.Value(listenersKey{}).(listeners)
	all[args[0]] = one
}

func (l *listener) read(body io.ReadCloser) {
	defer body.Close()
	buf := make([]byte, 4096)
	for {
		n, err := body.Read(buf)
		l.mu.Lock()
		l.text, l.ended = l.text+string(buf[:n]), err != nil
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// take reports whether it has heard a text, and forgets everything up to there.
func (l *listener) take(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, rest, found := strings.Cut(l.text, text)
	if found {
		l.text = rest
	}
	return found
}

func (l *listener) hasEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// heard waits until a listener has heard a text, after what it was asked for before:
//
//	heard alice '"error":"expired"'
func heard(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: heard NAME TEXT")
	}
	one := listenerOf(ts, args[0])
	for begin := time.Now(); !one.take(args[1]); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > listenPatience {
			ts.Fatalf("%s has not heard %q, but %q, ended: %v", args[0], args[1], one.text, one.hasEnded())
		}
	}
}

// ended waits until the stream of a listener has ended, or, with !, expects that it has
// not.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: ended NAME")
	}
	one := listenerOf(ts, args[0])
	for begin := time.Now(); !neg && !one.hasEnded() && time.Since(begin) < listenPatience; {
		time.Sleep(20 * time.Millisecond)
	}
	if one.hasEnded() == neg {
		ts.Fatalf("the stream of %s has ended: %v", args[0], !neg)
	}
}

func listenerOf(ts *testscript.TestScript, name string) *listener {
	all, _ := ts.Value(listenersKey{}).(listeners)
	one := all[name]
	if one == nil {
		ts.Fatalf("there is no listener %s", name)
	}
	return one
}
