package poller_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
)

// withTTL makes the interval depend on the document.
func withTTL(t *testing.T, pointer string) func(*poller.Options) {
	t.Helper()
	at, err := document.ParsePointer(pointer)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *poller.Options) { o.Streams[0].TTL = at }
}

// TestTTL checks when the second poll comes, by what the first document says. Every is 10 s
// and MaxWait an hour.
func TestTTL(t *testing.T) {
	const s = time.Second
	for document, want := range map[string]time.Duration{
		`{"ttl":60}`:                  60 * s,
		`{"ttl":60.5}`:                60500 * time.Millisecond,
		`{"ttl":"60"}`:                60 * s,
		`{"ttl":6e1}`:                 60 * s,
		`{"ttl":10}`:                  10 * s,
		`{"ttl":11}`:                  11 * s,
		`{"ttl":9}`:                   10 * s,
		`{"ttl":0}`:                   10 * s,
		`{"ttl":-60}`:                 10 * s,
		`{"ttl":3599}`:                3599 * s,
		`{"ttl":3601}`:                time.Hour,
		`{"ttl":1e300}`:               time.Hour,
		`{"ttl":1e999}`:               time.Hour,
		`{"ttl":"1e999"}`:             time.Hour,
		`{"ttl":9223372036854775807}`: time.Hour,
		`{"ttl":-1e999}`:              10 * s,
		`{"ttl":"NaN"}`:               10 * s,
		`{"ttl":"soon"}`:              10 * s,
		`{"ttl":null}`:                10 * s,
		`{"ttl":[60]}`:                10 * s,
		`{}`:                          10 * s,
		`[60]`:                        10 * s,
		`{"ttl":60,"ttl":60}`:         10 * s,
		`{"last_updated":1,"ttl":60,"data":{"ttl":9999}}`: 60 * s,
	} {
		synctest.Test(t, func(t *testing.T) {
			source := script(gives(document))
			polling, _ := start(t, newPublisher(), source, withTTL(t, "/ttl"))
			time.Sleep(want - 1)
			synctest.Wait()
			if n := len(source.asked()); n != 1 {
				t.Errorf("%s: asked %d times before %v", document, n, want)
			}
			status := polling.Status()[0]
			if wait := want > every || document == `{"ttl":10}`; wait != (status.NotBeforeReason == "ttl") || wait != (status.NotBefore.Equal(source.start.Add(want))) {
				t.Errorf("%s: not before %v because of %q", document, status.NotBefore, status.NotBeforeReason)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if n := len(source.asked()); n != 2 {
				t.Errorf("%s: asked %d times at %v", document, n, want)
			}
		})
	}
}

// TestTTLOfTheSame checks that the time of a document holds as long as the upstream sends it
// again or says that it has not changed, ends with the next document, and counts for nothing
// after a failure; a longer wish in a header wins.
func TestTTLOfTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same := func() (poller.Reading, error) { return poller.Reading{Unchanged: true}, nil }
		wish := func() (poller.Reading, error) {
			return poller.Reading{Document: []byte(`{"ttl":20,"n":1}`), Wait: 30 * time.Second, Said: "X-Poll-Interval: 30"}, nil
		}
		source := script(gives(`{"ttl":60}`), same, gives(`{"ttl":60}`), fails, gives(`{"ttl":20}`), wish, gives(`{"ttl":1}`), gives(`1`))
		var log bytes.Buffer
		start(t, newPublisher(), source, withTTL(t, "/ttl"), func(o *poller.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		const s = time.Second
		if diff := cmp.Diff([]time.Duration{0, 60 * s, 120 * s, 180 * s, 190 * s, 210 * s, 240 * s, 250 * s}, source.asked()[:8]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, want := range []string{`msg="upstream asks to wait" stream=default said="ttl: 60" wait=1m0s every=10s`, `reason="the answer has no number of seconds at /ttl, which is ttl"`} {
			if n := strings.Count(log.String(), want); n != 1 {
				t.Errorf("%d times %s in\n%s", n, want, log.String())
			}
		}
	})
}

// TestTryTTL checks what a trial shows.
func TestTryTTL(t *testing.T) {
	at, err := document.ParsePointer("/ttl")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{`{"ttl": 90}`: "1m30s ttl: 90 ", `{}`: "0s  the answer has no number of seconds at /ttl, which is ttl"} {
		source := newSource(func(context.Context, call) (poller.Reading, error) { return reading(text), nil })
		trial, err := poller.Stream{Source: source, TTL: at}.Try(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(trial.Wait, " ", trial.Said, " ", trial.Reading.Notice); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
