package poller_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
)

// TestNotice has an upstream that answers, and says what an operator should change: the log
// has it when it begins and when it changes, for a stream and for keys.
func TestNotice(t *testing.T) {
	says := func(notice string) func() (poller.Reading, error) {
		return func() (poller.Reading, error) {
			return poller.Reading{Document: []byte("1"), Notice: notice}, nil
		}
	}
	steps := []func() (poller.Reading, error){says(""), says("a"), says("a"), fails, says("a"), says("b"), says(""), says("b")}
	for _, byKey := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var lines bytes.Buffer
			change := func(o *poller.Options) { o.Logger = slog.New(slog.NewTextHandler(&lines, nil)) }
			var stop func()
			if byKey {
				h := newKeyHub()
				n := 0
				keys := newKeySource(func(context.Context, keyCall) (poller.Reading, error) {
					n++
					return steps[min(n, len(steps))-1]()
				})
				_, stop = startKeys(t, h, keyed(keys, 1), change)
				h.listen(1, "a")
			} else {
				_, stop = start(t, newPublisher(), script(steps...), change)
			}
			time.Sleep(time.Hour)
			stop()
			var got []string
			for line := range strings.Lines(lines.String()) {
				if _, reason, found := strings.Cut(line, " reason="); found && strings.Contains(line, `msg="configuration should change"`) {
					got = append(got, strings.TrimSpace(reason))
				}
			}
			if diff := cmp.Diff([]string{"a", "b", "b"}, got); diff != "" {
				t.Errorf("keys %v: %s", byKey, diff)
			}
		})
	}
}

// TestLooksOfNoDocument has an answer that is no JSON: the log says what it looks like.
func TestLooksOfNoDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		s := script(func() (poller.Reading, error) {
			return poller.Reading{Document: []byte("<html>"), Looks: func() string { return "it is a page" }}, nil
		})
		_, stop := start(t, newPublisher(), s, func(o *poller.Options) { o.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
		time.Sleep(every)
		stop()
		if want := `reason="the answer is not one JSON document: not JSON: at byte 0, want a value; it is a page" class=invalid_json`; !strings.Contains(lines.String(), want) {
			t.Errorf("want %s in\n%s", want, lines.String())
		}
	})
}
