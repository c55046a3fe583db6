package poller_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// TestFailures lets the first attempt fail in every way, and checks the class and that
// the stream continues.
func TestFailures(t *testing.T) {
	failing := func(err error) func(context.Context) (poller.Reading, error) {
		return func(context.Context) (poller.Reading, error) { return poller.Reading{}, err }
	}
	giving := func(r poller.Reading) func(context.Context) (poller.Reading, error) {
		return func(context.Context) (poller.Reading, error) { return r, nil }
	}
	panicking := func(value any) func(context.Context) (poller.Reading, error) {
		return func(context.Context) (poller.Reading, error) { panic(value) }
	}
	for _, test := range []struct {
		name  string
		first func(context.Context) (poller.Reading, error)
		want  string
	}{
		{"plain error", failing(errBoom), "error"},
		{"error with a class", failing(&poller.Error{Class: "http_503", Err: errBoom}), "http_503"},
		{"wrapped error with a class", failing(fmt.Errorf("so: %w", &poller.Error{Class: "dns"})), "dns"},
		{"longest class", failing(&poller.Error{Class: strings.Repeat("x", 40)}), strings.Repeat("x", 40)},
		{"class too long", failing(&poller.Error{Class: strings.Repeat("x", 41)}), "error"},
		{"no class", failing(&poller.Error{Err: errBoom}), "error"},
		{"class with a line break", failing(&poller.Error{Class: "a\nb"}), "error"},
		{"class in capitals", failing(&poller.Error{Class: "HTTP_503"}), "error"},
		{"deadline of its own", failing(fmt.Errorf("so: %w", context.DeadlineExceeded)), "timeout"},
		{"cancelled by itself", failing(context.Canceled), "error"},
		{"error beside a document", func(context.Context) (poller.Reading, error) { return reading(`1`), errBoom }, "error"},
		{"panic", panicking("boom"), "panic"},
		{"panic with an error", panicking(errBoom), "panic"},
		{"panic with nil", panicking(nil), "panic"},
		{"panic with a value that panics", panicking(nastyStringer{}), "panic"},
		{"nil pointer", func(context.Context) (poller.Reading, error) { var r *poller.Reading; return *r, nil }, "panic"},
		{"nothing", giving(poller.Reading{}), "invalid_json"},
		{"no JSON", giving(reading(`<html>`)), "invalid_json"},
		{"half a document", giving(reading(`{"a":`)), "invalid_json"},
		{"two documents", giving(reading(`{}{}`)), "invalid_json"},
		{"NaN", giving(reading(`{"a":NaN}`)), "invalid_json"},
		{"100,000 levels", giving(reading(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000))), "invalid_json"},
		{"invalid UTF-8", giving(reading("\"\xff\"")), "invalid_json"},
		{"unchanged from nothing", giving(poller.Reading{Unchanged: true}), "no_document"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher()
				polling, _ := start(t, p, newSource(func(ctx context.Context, c call) (poller.Reading, error) {
					if c.n == 0 {
						return test.first(ctx)
					}
					return reading(`1`), nil
				}))
				synctest.Wait()
				got := polling.Status()[0]
				if got.Error != test.want || got.State != hub.Stale || got.Polls != 1 || got.Successes != 0 {
					t.Errorf("class %q, %s, %d polls, %d successes, want %q, stale, 1, 0",
						got.Error, got.State, got.Polls, got.Successes, test.want)
				}
				panics := uint64(0)
				if test.want == "panic" {
					panics = 1
				}
				if got.Panics != panics {
					t.Errorf("%d panics, want %d", got.Panics, panics)
				}
				time.Sleep(every)
				synctest.Wait()
				want := []message{
					status(0, hub.Stale, 0, -1, test.want),
					data(every, `1`),
					status(every, hub.Live, every, every, ""),
				}
				if diff := cmp.Diff(want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(map[string]uint64{test.want: 1}, polling.Status()[0].Failures); diff != "" {
					t.Errorf("failures (-want +got)\n%s", diff)
				}
			})
		})
	}
}

type nastyStringer struct{}

func (nastyStringer) String() string { panic("again") }

// TestClassesAreBounded has a source that makes up new classes without end.
func TestClassesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const attempts = 100
		polling, stop := start(t, newPublisher(), newSource(func(_ context.Context, c call) (poller.Reading, error) {
			return poller.Reading{}, &poller.Error{Class: fmt.Sprintf("class_%d", c.n%90)}
		}))
		time.Sleep(attempts*every - 1)
		stop()
		got := polling.Status()[0]
		if len(got.Failures) != 32 {
			t.Errorf("%d classes counted apart, want 32", len(got.Failures))
		}
		// 31 classes have their own counter; the first 10 came again.
		if got.Failures["other"] != attempts-31-10 || got.Failures["class_0"] != 2 || got.Failures["class_30"] != 1 {
			t.Errorf("failures %v", got.Failures)
		}
		if got.Error != "class_9" {
			t.Errorf("error %q, want the class itself", got.Error)
		}
	})
}

func TestErrorText(t *testing.T) {
	err := error(&poller.Error{Class: "dns", Err: errBoom})
	if err.Error() != "poller: dns: boom" || !errors.Is(err, errBoom) {
		t.Errorf("%v", err)
	}
	if err := (&poller.Error{Class: "http_503"}); err.Error() != "poller: http_503" || err.Unwrap() != nil {
		t.Errorf("%v", err)
	}
}

// TestLog checks what operators read: each kind of failure once, with its cause, and
// the recovery.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		_, stop := start(t, newPublisher(), newSource(func(_ context.Context, c call) (poller.Reading, error) {
			switch c.n {
			case 0, 5:
				return reading(`"secret content"`), nil
			case 1, 2:
				return poller.Reading{}, &poller.Error{Class: "http_503", Err: errBoom}
			case 3:
				panic("out of cheese")
			}
			return reading(`<secret content`), nil
		}), func(o *poller.Options) {
			o.Streams[0].Upstream = "https://api.example.com"
			o.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
				Level: slog.LevelInfo,
				ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					switch a.Key {
					case slog.TimeKey:
						return slog.Attr{}
					case "stack": // of which only the frame of the source is stable
						if strings.Contains(a.Value.String(), "TestLog") {
							return slog.String("stack", "of TestLog")
						}
					}
					return a
				},
			}))
		})
		time.Sleep(8*every - 1)
		stop()
		const want = `level=WARN msg="poll failed" stream=default upstream=https://api.example.com reason=boom class=http_503 failures=1 retry="in 10s"
level=WARN msg="poll failed" stream=default upstream=https://api.example.com reason="a fault within Pollux, in asking the upstream: out of cheese" class=panic failures=3 retry="in 10s" stack="of TestLog"
level=WARN msg="poll failed" stream=default upstream=https://api.example.com reason="the answer is not one JSON document: not JSON: at byte 0, want a value" class=invalid_json failures=4 retry="in 10s"
level=INFO msg="poll recovered" stream=default upstream=https://api.example.com class=invalid_json failures=4 lasted=40s
level=WARN msg="poll failed" stream=default upstream=https://api.example.com reason="the answer is not one JSON document: not JSON: at byte 0, want a value" class=invalid_json failures=1 retry="in 10s"
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("log (-want +got)\n%s", diff)
		}
	})
}

// TestLogOfIdle fails when only PollNow asks: the log says when the upstream is asked
// again.
func TestLogOfIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		polling, stop := start(t, newPublisher(), script(fails), func(o *poller.Options) {
			onDemand(o, newAudience(false))
			o.Logger = slog.New(slog.NewTextHandler(&out, nil))
		})
		synctest.Wait()
		if _, err := polling.PollNow(""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		stop()
		if !strings.Contains(out.String(), `retry="when a client listens"`) {
			t.Errorf("log:\n%s", out.String())
		}
	})
}

// TestLogOfPublisher has a publisher that accepts neither documents nor statuses: that
// is one cause and one line.
func TestLogOfPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newPublisher()
		p.refuse = func(context.Context, hub.Message) error { return hub.ErrClosed }
		_, stop := start(t, p, script(gives(`1`)), func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&out, nil))
		})
		time.Sleep(10 * every)
		stop()
		if n := strings.Count(out.String(), "\n"); n != 1 || !strings.Contains(out.String(), `reason="the hub did not accept it: closed"`) {
			t.Errorf("%d lines, want one:\n%s", n, out.String())
		}
	})
}

// TestLogOfShutdown ends the context while a status is published: that is not a
// failure.
func TestLogOfShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newPublisher()
		p.refuse = func(ctx context.Context, _ hub.Message) error { <-ctx.Done(); return ctx.Err() }
		_, stop := start(t, p, script(fails), func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&out, nil))
		})
		time.Sleep(time.Second)
		stop()
		if n := strings.Count(out.String(), "\n"); n != 1 || !strings.Contains(out.String(), "poll failed") {
			t.Errorf("%d lines, want the failed poll alone:\n%s", n, out.String())
		}
	})
}

// TestLogOfStatus checks that a publisher that accepts no status is logged once.
func TestLogOfStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newPublisher()
		p.refuse = func(context.Context, hub.Message) error { return errBoom }
		_, stop := start(t, p, script(fails), func(o *poller.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&out, nil))
		})
		time.Sleep(10 * every)
		stop()
		if n := strings.Count(out.String(), "status not published"); n != 1 {
			t.Errorf("told %d times, want once:\n%s", n, out.String())
		}
	})
}
