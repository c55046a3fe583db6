package poller_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// judge refuses documents that contain "error".
func judge(_ context.Context, document []byte) error {
	if strings.Contains(string(document), "error") {
		return &poller.Error{Class: "refused"}
	}
	return nil
}

// TestJudge has an upstream that answers errors as documents: clients keep the good
// document, and the version of an error is never sent back.
func TestJudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reshaped []string
		s, p := script(gives(`"a"`, "v1"), gives(`"error"`, "v2"), gives(`"error"`, "v2"), gives(`"a"`, "v1"), gives(`"b"`, "v3")), newPublisher()
		polling, stop := start(t, p, s, func(o *poller.Options) {
			o.Streams[0].Judge = judge
			o.Streams[0].Reshape = func(_ context.Context, document []byte) ([]byte, error) {
				reshaped = append(reshaped, string(document))
				return document, nil
			}
		})
		time.Sleep(every + time.Second)
		if got := polling.Status()[0]; got.Error != "refused" || got.Failures["refused"] != 1 || got.State != hub.Live {
			t.Errorf("%q, %v, %s", got.Error, got.Failures, got.State)
		}
		time.Sleep(5 * every)
		stop()
		if diff := cmp.Diff([]poller.Version{{}, version("v1"), version("v1"), version("v1"), version("v1")}, s.versions()[:5]); diff != "" {
			t.Error(diff)
		}
		var got []string
		for _, m := range p.published() {
			if m.State == "" {
				got = append(got, m.Data)
			}
		}
		if diff := cmp.Diff([]string{`"a"`, `"b"`}, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{`"a"`, `"b"`}, reshaped); diff != "" {
			t.Error(diff)
		}
	})
}

// TestJudgeFails has a condition that is wrong itself.
func TestJudgeFails(t *testing.T) {
	for class, judge := range map[string]func(context.Context, []byte) error{
		"panic":   func(context.Context, []byte) error { panic("boom") },
		"error":   func(context.Context, []byte) error { return errBoom },
		"timeout": func(ctx context.Context, _ []byte) error { <-ctx.Done(); return ctx.Err() },
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPublisher()
			polling, _ := start(t, p, script(gives(`1`)), func(o *poller.Options) { o.Streams[0].Judge = judge })
			time.Sleep(every - time.Second)
			if got := polling.Status()[0]; got.Error != class || got.Successes != 0 {
				t.Errorf("%q with %d successes, want %q", got.Error, got.Successes, class)
			}
		})
	}
}

// TestJudgeOfKeys judges the whole answer once, before it is divided.
func TestJudgeOfKeys(t *testing.T) {
	for batch, want := range map[int]string{1: `["a":1] ["a":"error"] ["a":3]`, 10: `["a":1,"b":1] ["a":"error","b":"error"] ["a":3,"b":3]`} {
		synctest.Test(t, func(t *testing.T) {
			h := newKeyHub()
			var judged []string
			s := newKeySource(func(_ context.Context, c keyCall) (poller.Reading, error) {
				n := 1 + int(c.at/every)
				return each(c.keys, func(string) string {
					if n == 2 {
						return `"error"`
					}
					return fmt.Sprint(n)
				}), nil
			})
			stream := keyed(s, batch)
			stream.Judge = func(ctx context.Context, document []byte) error {
				judged = append(judged, "["+strings.Trim(string(document), "{}")+"]")
				return judge(ctx, document)
			}
			polling, stop := startKeys(t, h, stream)
			if batch == 1 {
				h.listen(1, "a")
			} else {
				h.listen(1, "a", "b")
			}
			time.Sleep(3*every - time.Second)
			status := polling.Status()[0]
			stop()
			if diff := cmp.Diff(want, strings.Join(judged, " ")); diff != "" {
				t.Error(diff)
			}
			if status.Failures["refused"] == 0 {
				t.Errorf("failures %v", status.Failures)
			}
			for _, m := range h.of("a") {
				if strings.Contains(m.Data, "error") {
					t.Errorf("a was told %v", m)
				}
			}
		})
	}
}
