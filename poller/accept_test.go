package poller_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// TestReshapeAndSame reshapes documents by reversing them, and compares them without
// regard to case. It checks which documents are published, and with which arguments
// both functions are called.
func TestReshapeAndSame(t *testing.T) {
	for _, test := range []struct {
		name      string
		steps     []func() (poller.Reading, error)
		want      []message
		reshaped  []string
		compared  []string
		versions  []poller.Version
		unchanged uint64
	}{
		{
			"each change", []func() (poller.Reading, error){gives(`"ab"`), gives(`"cd"`)},
			[]message{data(0, `"ba"`), data(every, `"dc"`)},
			[]string{`"ab"`, `"cd"`}, []string{`"ba" "dc"`},
			[]poller.Version{{}, {}}, 0,
		},
		{
			"the same bytes go no further", []func() (poller.Reading, error){gives(`"ab"`, "v1"), gives(`"ab"`, "v2"), gives(`"ab"`)},
			[]message{data(0, `"ba"`)},
			[]string{`"ab"`}, nil,
			[]poller.Version{{}, version("v1"), version("v2")}, 2,
		},
		{
			"other bytes, the same document", []func() (poller.Reading, error){gives(`"ab"`), gives(` "ab"`), gives(` "ab"`), gives("\uFEFF\"ab\"\n")},
			[]message{data(0, `"ba"`)},
			[]string{`"ab"`, `"ab"`, `"ab"`}, nil,
			[]poller.Version{{}, {}, {}, {}}, 3,
		},
		{
			// A document is compared with the one that clients have, not with the last
			// one fetched.
			"as good as the same", []func() (poller.Reading, error){gives(`"ab"`), gives(`"AB"`, "v2"), gives(`"aB"`), gives(`"aB"`)},
			[]message{data(0, `"ba"`)},
			[]string{`"ab"`, `"AB"`, `"aB"`}, []string{`"ba" "BA"`, `"ba" "Ba"`},
			[]poller.Version{{}, {}, version("v2"), {}}, 3,
		},
		{
			"back to a body before the last", []func() (poller.Reading, error){gives(`"ab"`), gives(`"AB"`), gives(`"ab"`)},
			[]message{data(0, `"ba"`)},
			[]string{`"ab"`, `"AB"`, `"ab"`}, []string{`"ba" "BA"`},
			[]poller.Version{{}, {}, {}}, 2,
		},
		{
			"not modified", []func() (poller.Reading, error){gives(`"ab"`, "v1"), unchanged},
			[]message{data(0, `"ba"`)},
			[]string{`"ab"`}, nil,
			[]poller.Version{{}, version("v1")}, 1,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reshaped, compared []string
				s, p := script(test.steps...), newPublisher()
				polling, stop := start(t, p, s, func(o *poller.Options) {
					o.Streams[0].Reshape = func(_ context.Context, document []byte) ([]byte, error) {
						reshaped = append(reshaped, string(document))
						return []byte("\n" + `"` + string(document[2]) + string(document[1]) + `" `), nil
					}
					o.Streams[0].Same = func(published, document []byte) bool {
						compared = append(compared, string(published)+" "+string(document))
						return bytes.EqualFold(published, document)
					}
				})
				time.Sleep(time.Duration(len(test.steps))*every - 1)
				stop()
				for _, diff := range []string{
					cmp.Diff(test.want, p.published()),
					cmp.Diff(test.reshaped, reshaped),
					cmp.Diff(test.compared, compared),
					cmp.Diff(test.versions, s.versions()),
					cmp.Diff(test.unchanged, polling.Status()[0].Unchanged),
				} {
					if diff != "" {
						t.Errorf("(-want +got)\n%s", diff)
					}
				}
			})
		})
	}
}

// TestPublishFailsThenTheSameBody checks that a document that could not be published is
// published when it comes again, although its body is known.
func TestPublishFailsThenTheSameBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher()
		p.refuse = func(context.Context, hub.Message) error {
			if time.Since(p.start) == every {
				return errBoom
			}
			return nil
		}
		start(t, p, script(gives(`1`), gives(`2`)), func(o *poller.Options) {
			o.Streams[0].Same = func(_, _ []byte) bool { return time.Since(p.start) > every }
		})
		time.Sleep(5 * every)
		synctest.Wait()
		if diff := cmp.Diff([]message{data(0, `1`), data(2*every, `2`)}, p.published()); diff != "" {
			t.Errorf("published (-want +got)\n%s", diff)
		}
	})
}

// TestSeamsFail has a Reshape or Same that fails at the second document, which is tried
// again when it is fetched again.
func TestSeamsFail(t *testing.T) {
	reshape := func(fail func(context.Context) ([]byte, error)) func(*poller.Stream) {
		return func(s *poller.Stream) {
			n := 0
			s.Reshape = func(ctx context.Context, document []byte) ([]byte, error) {
				if n++; n == 2 {
					return fail(ctx)
				}
				return bytes.Clone(document), nil
			}
		}
	}
	for _, test := range []struct {
		name  string
		spoil func(*poller.Stream)
		want  string
	}{
		{"an error with a class", reshape(func(context.Context) ([]byte, error) {
			return nil, &poller.Error{Class: "select_limit", Err: errBoom}
		}), "select_limit"},
		{"an error without", reshape(func(context.Context) ([]byte, error) { return nil, errBoom }), "error"},
		{"it takes too long", reshape(func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }), "timeout"},
		{"nothing", reshape(func(context.Context) ([]byte, error) { return nil, nil }), "invalid_json"},
		{"two documents", reshape(func(context.Context) ([]byte, error) { return []byte(`1 2`), nil }), "invalid_json"},
		{"it panics", reshape(func(context.Context) ([]byte, error) { panic(errors.New("out of cheese")) }), "panic"},
		{"Same panics", func(s *poller.Stream) {
			n := 0
			s.Same = func(_, _ []byte) bool {
				if n++; n == 1 {
					panic("out of cheese")
				}
				return false
			}
		}, "panic"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := script(gives(`1`, "v1"), gives(`2`, "v2")), newPublisher()
				polling, stop := start(t, p, s, func(o *poller.Options) { test.spoil(&o.Streams[0]) })
				time.Sleep(4*every - 1)
				stop()
				if diff := cmp.Diff([]message{data(0, `1`), data(2*every, `2`)}, p.published()); diff != "" {
					t.Errorf("published (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff([]poller.Version{{}, version("v1"), version("v1"), version("v2")}, s.versions()); diff != "" {
					t.Errorf("asked with (-want +got)\n%s", diff)
				}
				got := polling.Status()[0]
				if diff := cmp.Diff(map[string]uint64{test.want: 1}, got.Failures); diff != "" {
					t.Errorf("failures (-want +got)\n%s", diff)
				}
			})
		})
	}
}
