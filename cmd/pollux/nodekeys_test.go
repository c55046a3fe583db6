package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub/natslog/natstest"
)

// A client of a key gets its newest document at once, also at a node at which nobody listened to
// the key when the document came, and though the document never changes again.
func TestKeyThatAnotherNodeKnows(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t, "")
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"key":%q}`, r.FormValue("key"))
	}))
	t.Cleanup(upstream.Close)
	configure := func(name string) string {
		return strings.Replace(nodesConfiguration(name, upstream.URL, server), "every: 1s, linger: 2s, keys", "every: 1h, linger: 2s, keys", 1)
	}
	a := startProcess(t, testBinary, configure("a"))
	b := startProcess(t, testBinary, configure("b"))
	listens := func(url, key string) {
		startReader(t, url+"/api/sse?stream=prices/"+key).expect(t, fmt.Sprintf(`{"key":%q}`, key))
	}
	for i, urls := range [][2]string{{a.url, b.url}, {b.url, a.url}, {a.url, b.url}, {b.url, a.url}} {
		key := string(rune('A' + i))
		listens(urls[0], key)
		listens(urls[1], "Z"+key) // which comes later in the log, so the other node has read both
		listens(urls[1], key)
	}
}
