package pollux

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/mock"
)

func TestPublish(t *testing.T) {
	p := newPollux(t, Options{
		Streams: []Stream{{}, {Name: "mocked", Poll: poller.Stream{Source: &mock.Source{}, Every: time.Hour}}},
		HTTP:    handlers.Options{MaxBody: 10},
	})
	stop := run(t, p)
	for _, test := range []struct {
		stream string
		value  any
		want   string // the document
		err    error
	}{
		{"", []byte(` {"n": 1.0}`)[1:], `{"n":1.0}`, nil},
		{"default", struct{ N int }{2}, `{"N":2}`, nil},
		{"", strings.Repeat("x", 8), `"xxxxxxxx"`, nil},
		{"", strings.Repeat("x", 9), "", hub.ErrTooLarge},
		{"", []byte("no JSON"), "", document.ErrSyntax},
		{"mocked", 1, "", ErrPolled},
		{"unknown", 1, "", hub.ErrUnknownStream},
	} {
		id, err := p.Publish(t.Context(), test.stream, test.value)
		if !errors.Is(err, test.err) {
			t.Errorf("%s %v: %v, want %v", test.stream, test.value, err, test.err)
		}
		if test.err != nil {
			continue
		}
		if e, err := p.Hub().Latest(""); err != nil || string(e.Data()) != test.want || e.ID() != id {
			t.Errorf("%v: %s, %v", test.value, e.Data(), err)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// What limits the size is by default what limits it over HTTP.
func TestPublishDefaultLimit(t *testing.T) {
	p := newPollux(t, Options{})
	stop := run(t, p)
	for size, want := range map[int]error{handlers.DefaultMaxBody: nil, handlers.DefaultMaxBody + 1: hub.ErrTooLarge} {
		if _, err := p.Publish(t.Context(), "", strings.Repeat("x", size-2)); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
