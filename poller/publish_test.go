package poller_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// script answers with one step after the other, and repeats the last one.
func script(steps ...func() (poller.Reading, error)) *source {
	return newSource(func(_ context.Context, c call) (poller.Reading, error) {
		return steps[min(c.n, len(steps)-1)]()
	})
}

func gives(document string, version ...string) func() (poller.Reading, error) {
	return func() (poller.Reading, error) {
		r := reading(document)
		if len(version) > 0 {
			r.Version = poller.Version{ETag: version[0], LastModified: "on " + version[0]}
		}
		return r, nil
	}
}

func unchanged() (poller.Reading, error) {
	return poller.Reading{Unchanged: true, Document: []byte("ignored"), Version: poller.Version{ETag: "ignored"}}, nil
}

func fails() (poller.Reading, error) { return poller.Reading{}, errBoom }

func version(etag string) poller.Version {
	return poller.Version{ETag: etag, LastModified: "on " + etag}
}

// TestChanges checks which readings give an event, and which version the next fetch
// sends.
func TestChanges(t *testing.T) {
	for _, test := range []struct {
		name      string
		steps     []func() (poller.Reading, error)
		want      []message
		versions  []poller.Version
		unchanged uint64
	}{
		{
			"each change", []func() (poller.Reading, error){gives(`1`), gives(`2`), gives(`1`)},
			[]message{data(0, `1`), data(every, `2`), data(2*every, `1`)},
			[]poller.Version{{}, {}, {}}, 0,
		},
		{
			"the same again", []func() (poller.Reading, error){gives(`{"a":1}`), gives(`{"a":1}`), gives(" {\"a\": 1}\n")},
			[]message{data(0, `{"a":1}`)},
			[]poller.Version{{}, {}, {}}, 2,
		},
		{
			"another version of the same", []func() (poller.Reading, error){gives(`1`, "v1"), gives(`1`, "v2"), gives(`1`)},
			[]message{data(0, `1`)},
			[]poller.Version{{}, version("v1"), version("v2")}, 2,
		},
		{
			"not modified", []func() (poller.Reading, error){gives(`1`, "v1"), unchanged, unchanged, gives(`2`, "v2"), unchanged},
			[]message{data(0, `1`), data(3*every, `2`)},
			[]poller.Version{{}, version("v1"), version("v1"), version("v1"), version("v2")}, 3,
		},
		{
			"a failure between", []func() (poller.Reading, error){gives(`1`, "v1"), fails, gives(`1`, "v1")},
			[]message{data(0, `1`)},
			[]poller.Version{{}, version("v1"), version("v1")}, 1,
		},
		{
			"made compact, numbers as written", []func() (poller.Reading, error){gives("\uFEFF [ 9007199254740993, 1e400, -0.0 ]\r\n")},
			[]message{data(0, `[9007199254740993,1e400,-0.0]`)},
			[]poller.Version{{}}, 0,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := script(test.steps...), newPublisher()
				polling, _ := start(t, p, s)
				time.Sleep(time.Duration(len(test.steps))*every - 1)
				synctest.Wait()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(test.versions, s.versions()); diff != "" {
					t.Errorf("asked with (-want +got)\n%s", diff)
				}
				if got := polling.Status()[0].Unchanged; got != test.unchanged {
					t.Errorf("%d unchanged, want %d", got, test.unchanged)
				}
			})
		})
	}
}

// TestPublisherKeepsDocument has a source that reuses its memory.
func TestPublisherKeepsDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := []byte(`1`)
		var kept [][]byte
		p := newPublisher()
		p.refuse = func(_ context.Context, m hub.Message) error {
			kept = append(kept, m.Data)
			return nil
		}
		s := newSource(func(_ context.Context, c call) (poller.Reading, error) {
			memory[0] = byte('1' + c.n)
			return poller.Reading{Document: memory}, nil
		})
		_, stop := start(t, p, s)
		time.Sleep(2*every + 1)
		stop()
		if diff := cmp.Diff([][]byte{[]byte(`1`), []byte(`2`), []byte(`3`)}, kept); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// TestPublishFails checks that nothing is lost if the publisher fails, or fails after
// it stored a document.
func TestPublishFails(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	fail := func(context.Context) error { return errBoom }
	tooLarge := func(context.Context) error { return hub.ErrTooLarge }
	for _, test := range []struct {
		name     string
		steps    []func() (poller.Reading, error)
		refuse   map[int]func(ctx context.Context) error // by number of the call of Publish
		want     []message
		versions []poller.Version
		failures map[string]uint64
	}{
		{
			"the first document", []func() (poller.Reading, error){gives(`1`, "v1"), gives(`1`, "v1"), unchanged},
			map[int]func(context.Context) error{0: fail},
			[]message{
				status(0, hub.Stale, 0, -1, "publish"),
				data(every, `1`),
				status(every, hub.Live, every, every, ""),
			},
			[]poller.Version{{}, {}, version("v1")},
			map[string]uint64{"publish": 1},
		},
		{
			"a later document", []func() (poller.Reading, error){gives(`1`, "v1"), gives(`2`, "v2"), gives(`2`, "v2"), unchanged},
			map[int]func(context.Context) error{1: fail},
			[]message{data(0, `1`), data(2*every, `2`)},
			[]poller.Version{{}, version("v1"), {}, version("v2")},
			map[string]uint64{"publish": 1},
		},
		{
			// Clients may have the failed document, so the old one is news.
			"and then the old one comes back", []func() (poller.Reading, error){gives(`1`), gives(`2`), gives(`1`)},
			map[int]func(context.Context) error{1: fail},
			[]message{data(0, `1`), data(2*every, `1`)},
			[]poller.Version{{}, {}, {}},
			map[string]uint64{"publish": 1},
		},
		{
			"twice", []func() (poller.Reading, error){gives(`1`), gives(`2`), gives(`2`), gives(`2`)},
			map[int]func(context.Context) error{1: fail, 2: fail},
			[]message{data(0, `1`), status(3*every, hub.Stale, 3*every, 0, "publish"), data(3*every, `2`), status(3*every, hub.Live, 3*every, 3*every, "")},
			[]poller.Version{{}, {}, {}, {}},
			map[string]uint64{"publish": 2},
		},
		{
			"it hangs", []func() (poller.Reading, error){gives(`1`), gives(`2`), gives(`2`)},
			map[int]func(context.Context) error{1: hang},
			[]message{data(0, `1`), data(2*every, `2`)},
			[]poller.Version{{}, {}, {}},
			map[string]uint64{"publish": 1},
		},
		{
			"too large", []func() (poller.Reading, error){gives(`1`), gives(`2`), gives(`3`)},
			map[int]func(context.Context) error{1: tooLarge},
			[]message{data(0, `1`), data(2*every, `3`)},
			[]poller.Version{{}, {}, {}},
			map[string]uint64{"too_large": 1},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := script(test.steps...), newPublisher()
				n := 0
				p.refuse = func(ctx context.Context, _ hub.Message) error {
					refuse := test.refuse[n]
					n++
					if refuse != nil {
						return refuse(ctx)
					}
					return nil
				}
				polling, stop := start(t, p, s)
				time.Sleep(time.Duration(len(test.steps))*every - 1)
				stop()
				if diff := cmp.Diff(test.want, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(test.versions, s.versions()); diff != "" {
					t.Errorf("asked with (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(test.failures, polling.Status()[0].Failures); diff != "" {
					t.Errorf("failures (-want +got)\n%s", diff)
				}
			})
		})
	}
}
