package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// Each connection has one document and is cut. The next one is asked for with the ID of that document, even after an
// answer that is no stream, and a reset is told.
func TestContinues(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		switch n := len(asked); n {
		case 2:
			http.Error(w, "not now", http.StatusServiceUnavailable)
		case 3:
			fmt.Fprintf(w, "event: reset\ndata: {\"reason\":\"epoch\"}\n\nevent: status\ndata: {\"state\":\"live\"}\n\nid: e-%d\ndata: %d\n\n", n, n)
		default:
			fmt.Fprintf(w, "retry: 1\n: hello\n\nid: e-%d\nevent: prices\ndata: %d\n\n", n, n)
		}
	}))
	defer server.Close()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var got []string
	c := consumer{
		url: server.URL,
		document: func(data []byte) {
			got = append(got, string(data))
			if len(got) == 3 {
				stop()
			}
		},
		gap: func(reason []byte) { got = append(got, string(reason)) },
	}
	c.run(ctx)
	if want := []string{"1", `{"reason":"epoch"}`, "3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := []string{"", "e-1", "e-1"}; !slices.Equal(asked, want) {
		t.Errorf("asked with %q, want %q", asked, want)
	}
}
