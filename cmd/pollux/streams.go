package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/canary"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
	"github.com/polluxhub/pollux/poller/mock"
	"github.com/polluxhub/pollux/poller/reshape"
	"github.com/polluxhub/pollux/poller/same"
)

// streamSet is a set of streams as it was configured, and what it comes to for
// each part. It is not changed once it is made; a reload makes another.
type streamSet struct {
	names   []string
	known   map[string]bool     // the names
	history []hub.StreamOptions // of each name, in the same order
	prints  map[string]string   // by name: a hash of everything that is configured
	polled  []poller.Stream
	sources map[string]bool // by name: has a source
	keys    map[string]document.Pointer
	access  map[string]handlers.PollAuth
}

// newStreamSet makes everything for these streams that can be made without
// asking anybody. file is where they come from, "" for flags; both have been judged, so
// an error is not to be expected. It names all mistakes.
func newStreamSet(file string, streams []config.Stream, canaryEvery time.Duration, maxDocument int, places *guard.Places) (*streamSet, error) {
	set := &streamSet{
		known:   make(map[string]bool),
		prints:  make(map[string]string),
		sources: make(map[string]bool),
		keys:    make(map[string]document.Pointer),
		access:  make(map[string]handlers.PollAuth),
	}
	var errs []error
	for _, s := range streams {
		if err := set.add(s, maxDocument, places); err != nil {
			where := "--url or --header"
			if file != "" {
				where = file + ": stream " + s.Name
			}
			// The names of packages say nothing to whoever configures the program.
			words := strings.NewReplacer("httpjson: ", "", "reshape: ", "", "same: ", "", "document: ", "").Replace(err.Error())
			err = fmt.Errorf("%s: %s", where, words)
			errs = append(errs, err)
		}
	}
	if canaryEvery > 0 {
		set.prints[canary.Stream] = canaryEvery.String()
		set.poll(poller.Stream{
			Name: canary.Stream, Source: &canary.Source{}, Every: canaryEvery, Revision: "canary " + canaryEvery.String(),
		}, hub.StreamOptions{Name: canary.Stream})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return set, nil
}

func (set *streamSet) add(s config.Stream, maxDocument int, places *guard.Places) (err error) {
	history := hub.StreamOptions{Name: s.Name}
	for value, configured := range map[*int]*int{&history.History: s.History, &history.HistoryBytes: s.HistoryBytes} {
		if configured != nil {
			*value = *configured
		}
	}
	if set.keys[s.Name], err = document.ParsePointer(s.Key); err != nil {
		return err
	}
	set.prints[s.Name] = s.Fingerprint()
	set.access[s.Name] = handlers.PollAuth{
		Bearer:    auth.NewBearer(s.PollToken.Reveal()),
		Signature: auth.NewSignature(s.PollSecret.Reveal()),
	}
	if s.Push {
		set.name(history)
		return nil
	}
	if s.MaxDocument != nil {
		maxDocument = *s.MaxDocument
	}
	stream := poller.Stream{
		Name: s.Name, Every: s.Every, Timeout: s.Timeout, Linger: s.Linger, Upstream: s.Upstream(), Revision: s.Revision(),
		OnDemand: s.Poll == config.OnDemand, Unconditional: !s.Conditional, Revalidate: s.Revalidate,
	}
	if s.Select != "" {
		reshaper, err := reshape.New(s.Select, reshape.Options{MaxBytes: maxDocument})
		if err != nil {
			return err
		}
		stream.Reshape = reshaper.Reshape
	}
	comparer, err := same.New(s.Ignore)
	if err != nil {
		return err
	}
	stream.Same = comparer.Same
	if s.Mock {
		stream.Source = &mock.Source{}
	} else if stream.Source, err = newSource(s, maxDocument, places); err != nil {
		return err
	}
	set.poll(stream, history)
	return nil
}

func (set *streamSet) name(history hub.StreamOptions) {
	set.names = append(set.names, history.Name)
	set.known[history.Name] = true
	set.history = append(set.history, history)
}

func (set *streamSet) poll(stream poller.Stream, history hub.StreamOptions) {
	set.name(history)
	set.sources[stream.Name] = true
	set.polled = append(set.polled, stream)
}

// judgeStream says what is wrong with a stream as far as those know who ask for it.
func judgeStream(s config.Stream, maxDocument int) error {
	if s.Push || s.Mock {
		return nil
	}
	_, err := same.New(s.Ignore)
	_, wrong := newSource(s, maxDocument, nil)
	return errors.Join(err, wrong)
}

func newSource(s config.Stream, maxDocument int, places *guard.Places) (*httpjson.Source, error) {
	var respect []httpjson.Hint // nil: the default
	if s.Respect != nil {
		respect = make([]httpjson.Hint, 0, len(s.Respect))
	}
	for _, name := range s.Respect {
		respect = append(respect, httpjson.Hint(name))
	}
	return httpjson.New(httpjson.Options{
		URL:           s.URL.Reveal(),
		Method:        s.Method,
		Body:          []byte(s.Body.Reveal()),
		Header:        s.Header(),
		RedirectHosts: s.RedirectHosts,
		Respect:       respect,
		MaxBody:       int64(maxDocument),
		UserAgent:     httpjson.UserAgent(version()),
		Proxy:         s.Proxy.Reveal(),
		DenyPrivate:   s.DenyPrivate,
		AllowPrivate:  s.AllowPrivate,
		Places:        places,
	})
}

// isPolled reports whether the stream of that name has a source.
func (set *streamSet) isPolled(name string) bool {
	return set.sources[name]
}
