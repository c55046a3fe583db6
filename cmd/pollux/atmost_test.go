package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Of a stream with at_most, a client gets no more than that, and always the newest: also
// when the program is told to end. The metrics count what was replaced.
func TestAtMost(t *testing.T) {
	t.Parallel()
	p := startProcess(t, testBinary, keysConfiguration("publish_token: thyme",
		"  - {name: slow, push: true, at_most: 1/m}\n",
		"  - {name: user, push: true, at_most: 1/m, keys: {match: '[0-9]+'}}\n",
		"  - {name: brisk, push: true, at_most: 5/s}\n"))
	publish := func(stream string, document int, wantStatus int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/api/streams/"+stream+"/events", strings.NewReader(fmt.Sprint(document)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer thyme")
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if waits := strings.Contains(string(body), `"id":null`); err != nil || resp.StatusCode != wantStatus || waits != (wantStatus == http.StatusAccepted) {
			t.Errorf("%d to %s: %s %s %v", document, stream, resp.Status, body, err)
		}
	}
	slow, user := startReader(t, p.url+"/api/sse?stream=slow"), startReader(t, p.url+"/api/sse?stream=user/1,user/2")
	brisk := startReader(t, p.url+"/api/sse?stream=brisk")
	publish("brisk", 1, http.StatusOK)
	for i, want := range []int{http.StatusOK, http.StatusAccepted, http.StatusAccepted, http.StatusAccepted} {
		publish("slow", i+1, want)
		publish("user/1", i+1, want)
		publish("user/2", i+1, want)
	}
	slow.expect(t, "1")
	user.expectAnyOrder(t, "user/1 1", "user/2 1")
	const most = 200
	for i := range most {
		// The first one may come after the gap, and so may any other.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/api/streams/brisk/events", strings.NewReader(fmt.Sprint(i+2)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer thyme")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	eventually(t, "the newest arrives", func() bool {
		heard, _ := brisk.all()
		return len(heard) > 0 && heard[len(heard)-1] == fmt.Sprint(most+1)
	})
	metrics := getOK(t, p.admin+"/metrics")
	for _, want := range []string{`pollux_conflated_total{stream="slow"} 2`, `pollux_conflated_total{stream="user"} 4`} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
	slow.expectNoMore(t)
	p.stop(t)
	slow.expect(t, "4")
	slow.expectEnd(t)
	user.expectAnyOrder(t, "user/1 4", "user/2 4")
	user.expectEnd(t)
}
