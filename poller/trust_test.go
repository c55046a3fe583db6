package poller_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// origin is an upstream with a document and validators, which answers "unchanged" to a
// version that it takes for the newest.
type origin struct {
	*source
	mu       sync.Mutex
	document string
	version  poller.Version
	believes func(asked, has poller.Version) bool // nil: equal versions are unchanged
}

func newOrigin(document string, version poller.Version) *origin {
	o := &origin{document: document, version: version}
	o.source = newSource(func(_ context.Context, c call) (poller.Reading, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		believes := o.believes
		if believes == nil {
			believes = func(asked, has poller.Version) bool { return asked == has }
		}
		if c.since != (poller.Version{}) && believes(c.since, o.version) {
			return poller.Reading{Unchanged: true}, nil
		}
		return poller.Reading{Document: []byte(o.document), Version: o.version}, nil
	})
	return o
}

func (o *origin) change(document string, version poller.Version) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.document, o.version = document, version
}

// whole returns the numbers, from 0, of the unconditional fetches.
func (o *origin) whole() []int {
	var numbers []int
	for n, v := range o.versions() {
		if v == (poller.Version{}) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

const (
	dated = "Fri, 02 Jan 2026 15:04:05 GMT"
	later = "Fri, 02 Jan 2026 15:04:06 GMT"
)

// TestRevalidate checks which fetches are unconditional: the first one, and then the
// first one that is not before Revalidate and not before the hundredth.
func TestRevalidate(t *testing.T) {
	for _, test := range []struct {
		name       string
		revalidate time.Duration
		fetches    int
		want       []int
	}{
		{"never before the hundredth", every, 100, []int{0}},
		{"the hundredth", every, 101, []int{0, 100}},
		{"each hundredth", every, 302, []int{0, 100, 200, 300}},
		{"due exactly at the hundredth", 100 * every, 102, []int{0, 100}},
		{"due a moment after the hundredth", 100*every + 1, 103, []int{0, 101}},
		{"due exactly later", 150 * every, 302, []int{0, 150, 300}},
		{"an hour unless it is said", 0, 722, []int{0, 360, 720}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(`1`, poller.Version{ETag: `"a"`})
				polling, stop := start(t, newPublisher(), o, func(opts *poller.Options) {
					opts.Streams[0].Revalidate = test.revalidate
				})
				time.Sleep(time.Duration(test.fetches)*every - 1)
				stop()
				if diff := cmp.Diff(test.want, o.whole()); diff != "" {
					t.Errorf("asked in any case (-want +got)\n%s", diff)
				}
				got := polling.Status()[0]
				if got.Polls != uint64(test.fetches) || got.Hidden != 0 || len(got.Failures) != 0 {
					t.Errorf("%d polls, %d hidden changes, failures %v, want %d and none", got.Polls, got.Hidden, got.Failures, test.fetches)
				}
			})
		})
	}
}

// TestUnconditional has a stream whose upstream is never believed.
func TestUnconditional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(`1`, version("a"))
		_, stop := start(t, newPublisher(), o, func(opts *poller.Options) { opts.Streams[0].Unconditional = true })
		time.Sleep(5*every - 1)
		stop()
		if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, o.whole()); diff != "" {
			t.Errorf("asked in any case (-want +got)\n%s", diff)
		}
	})
}

// TestRevalidateFails has an upstream that refuses the whole document, because its
// limit does not count unchanged answers: the next unconditional fetch is a hundred
// fetches later.
func TestRevalidateFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newSource(func(_ context.Context, c call) (poller.Reading, error) {
			switch {
			case c.n == 0:
				return poller.Reading{Document: []byte(`1`), Version: version("a")}, nil
			case c.since == version("a"):
				return poller.Reading{Unchanged: true}, nil
			}
			return poller.Reading{}, &poller.Error{Class: "http_429"}
		})
		_, stop := start(t, newPublisher(), o, func(opts *poller.Options) { opts.Streams[0].Revalidate = every })
		time.Sleep(210*every - 1)
		stop()
		if diff := cmp.Diff([]int{0, 100, 200}, (&origin{source: o}).whole()); diff != "" {
			t.Errorf("asked in any case (-want +got)\n%s", diff)
		}
	})
}

// TestHiddenChange has a document that changes in every way while the upstream answers
// "unchanged", or seems to.
func TestHiddenChange(t *testing.T) {
	always := func(poller.Version, poller.Version) bool { return true }
	for _, test := range []struct {
		name          string
		before, after poller.Version
		believes      func(asked, has poller.Version) bool
		document      string // the new one
		ignore        bool   // the change does not count
		want          uint64
	}{
		{"the same ETag", poller.Version{ETag: `"a"`}, poller.Version{ETag: `"a"`}, nil, `2`, false, 1},
		{"the same ETag, weak now", poller.Version{ETag: `"a"`}, poller.Version{ETag: `W/"a"`}, always, `2`, false, 1},
		{"the same time", poller.Version{LastModified: dated}, poller.Version{LastModified: dated}, nil, `2`, false, 1},
		{"an earlier time", poller.Version{LastModified: later}, poller.Version{LastModified: dated}, always, `2`, false, 1},
		{"the same ETag and a later time", poller.Version{ETag: `"a"`, LastModified: dated}, poller.Version{ETag: `"a"`, LastModified: later}, always, `2`, false, 1},
		{"what is no time, the same", version("a"), version("a"), nil, `2`, false, 1},
		{"nothing has changed", poller.Version{ETag: `"a"`}, poller.Version{ETag: `"a"`}, nil, `1`, false, 0},
		{"nothing that counts", poller.Version{ETag: `"a"`}, poller.Version{ETag: `"a"`}, nil, `2`, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p, o := newPublisher(), newOrigin(`1`, test.before)
				o.believes = test.believes
				polling, stop := start(t, p, o, func(opts *poller.Options) {
					opts.Streams[0].Revalidate = every
					opts.Logger = slog.New(slog.NewTextHandler(&out, nil))
					if test.ignore {
						opts.Streams[0].Same = func(_, _ []byte) bool { return true }
					}
				})
				time.Sleep(50 * every)
				o.change(test.document, test.after)
				time.Sleep(253*every - time.Second)
				stop()
				want := []int{0, 100, 200, 300}
				if test.want > 0 {
					want = []int{0}
					for n := 100; n <= 302; n++ {
						want = append(want, n)
					}
				}
				if diff := cmp.Diff(want, o.whole()); diff != "" {
					t.Errorf("asked in any case (-want +got)\n%s", diff)
				}
				if got := polling.Status()[0].Hidden; got != test.want {
					t.Errorf("%d hidden changes, want %d", got, test.want)
				}
				if n := strings.Count(out.String(), "answered that nothing had changed, but its document had"); n != int(test.want) {
					t.Errorf("told %d times, want %d:\n%s", n, test.want, out.String())
				}
				messages := []message{data(0, `1`)}
				if test.want > 0 {
					messages = append(messages, data(100*every, test.document))
				}
				if diff := cmp.Diff(messages, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// TestHonestChange has a document that changes, with its validators, in the very
// interval of an unconditional fetch. Once is chance.
func TestHonestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(`1`, version("a"))
		polling, stop := start(t, newPublisher(), o, func(opts *poller.Options) { opts.Streams[0].Revalidate = every })
		time.Sleep(100*every - 1)
		o.change(`2`, version("b")) // found by an unconditional fetch
		time.Sleep(60 * every)
		o.change(`3`, version("c")) // found by its version
		time.Sleep(40 * every)
		o.change(`4`, version("d")) // found by an unconditional fetch
		time.Sleep(100 * every)
		stop()
		if diff := cmp.Diff([]int{0, 100, 200}, o.whole()); diff != "" || polling.Status()[0].Hidden != 0 {
			t.Errorf("%d hidden changes, asked in any case (-want +got)\n%s", polling.Status()[0].Hidden, diff)
		}
	})
}

// TestRegularChange has a document that changes, with its validators, just before each
// unconditional fetch.
func TestRegularChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hour = 360 * every
		o := newOrigin(`0`, version("0"))
		polling, stop := start(t, newPublisher(), o)
		time.Sleep(hour - 1)
		for n := range 20 {
			o.change(fmt.Sprint(n+1), version(fmt.Sprint(n+1)))
			time.Sleep(hour)
		}
		stop()
		if got := polling.Status()[0]; got.Hidden != 0 || got.Successes-got.Unchanged != 21 {
			t.Errorf("%d hidden changes and %d documents, want 0 and 21", got.Hidden, got.Successes-got.Unchanged)
		}
	})
}

// TestAlwaysUnchanged has an upstream that answers "unchanged" to every client that
// returns, though its validators change. The second time is not chance.
func TestAlwaysUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(`0`, version("0"))
		o.believes = func(poller.Version, poller.Version) bool { return true }
		polling, stop := start(t, newPublisher(), o, func(opts *poller.Options) { opts.Streams[0].Revalidate = every })
		time.Sleep(every / 2)
		for n := range 400 {
			o.change(fmt.Sprint(n), version(fmt.Sprint(n)))
			time.Sleep(every)
		}
		stop()
		if whole := o.whole(); polling.Status()[0].Hidden != 1 || len(whole) != 2+201 {
			t.Errorf("%d hidden changes, %d asked in any case, want 1, and all since the second", polling.Status()[0].Hidden, len(whole))
		}
	})
}

// TestTrustSurvivesSet has a stream that a reload leaves alone: it keeps its knowledge
// of the upstream, and its counters.
func TestTrustSurvivesSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(`1`, poller.Version{ETag: `"a"`})
		stream := poller.Stream{Name: "default", Source: o, Every: every, Revalidate: every, Revision: "1"}
		polling, stop := start(t, newPublisher(), o, func(opts *poller.Options) { opts.Streams[0] = stream })
		time.Sleep(50 * every)
		o.change(`2`, poller.Version{ETag: `"a"`})
		time.Sleep(51*every - 1)
		set := func(stream poller.Stream) {
			if _, err := polling.Set([]poller.Stream{stream}); err != nil {
				t.Fatal(err)
			}
		}
		set(stream)
		time.Sleep(3 * every)
		if diff := cmp.Diff([]int{0, 100, 101, 102, 103}, o.whole()); diff != "" {
			t.Errorf("asked in any case (-want +got)\n%s", diff)
		}
		stream.Revision = "2" // which may mean another upstream
		set(stream)
		time.Sleep(3*every - 1)
		if got := polling.Status()[0]; got.Hidden != 1 || got.State != hub.Live {
			t.Errorf("%d hidden changes, %s, want 1 and live", got.Hidden, got.State)
		}
		stop()
		if diff := cmp.Diff([]int{0, 100, 101, 102, 103, 104}, o.whole()); diff != "" {
			t.Errorf("asked in any case (-want +got)\n%s", diff)
		}
	})
}
