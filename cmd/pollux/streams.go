package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/markup"
	"github.com/polluxhub/pollux/internal/tracing"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/canary"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/httpsse"
	"github.com/polluxhub/pollux/poller/mock"
	"github.com/polluxhub/pollux/poller/reshape"
	"github.com/polluxhub/pollux/poller/same"
)

// newStreams returns the streams of a configuration, the canary included. It makes
// everything that can be made without asking anybody. The configuration has been
// judged, so an error is not to be expected. It names all mistakes.
func (p *program) newStreams(c *config.Config) ([]pollux.Stream, error) {
	var streams []pollux.Stream
	var errs []error
	for _, s := range c.Streams {
		stream, err := p.newStream(&s)
		if p.start.SharesEvents() {
			stream.Settings = p.start.Compared(&s)
		}
		if err != nil {
			where := "--url or --header"
			if p.flags.File != "" {
				where = p.flags.File + ": stream " + s.Name
			}
			// The names of packages say nothing to an operator.
			words := strings.NewReplacer("httpjson: ", "", "httpsse: ", "", "reshape: ", "", "same: ", "", "markup: ", "").Replace(err.Error())
			errs = append(errs, fmt.Errorf("%s: %s", where, words))
		}
		streams = append(streams, stream)
	}
	if c.Canary != nil && *c.Canary > 0 {
		streams = append(streams, pollux.Stream{
			Name: canary.Stream, Poll: poller.Stream{Source: &canary.Source{}, Every: *c.Canary}, Revision: "canary " + c.Canary.String(),
		})
	}
	return streams, errors.Join(errs...)
}

func (p *program) newStream(s *config.Stream) (stream pollux.Stream, err error) {
	stream = pollux.Stream{
		Name:         s.Name,
		History:      given(s.History),
		HistoryBytes: given(s.HistoryBytes),
		ReplayEvents: s.ReplayEvents,
		ReplayBytes:  s.ReplayBytes,
		AtMost:       s.AtMost.Gap(),
		Key:          s.Key,
		Access:       pollux.Access(s.Access),
		Publish:      auth.NewBearer(s.PublishToken.Reveal()),
		PollAuth: handlers.PollAuth{
			Bearer:    auth.NewBearer(s.PollToken.Reveal()),
			Signature: auth.NewSignature(s.PollSecret.Reveal()),
		},
		Revision: s.Fingerprint(),
	}
	maxDocument := documentLimit(s, p.maxDocument)
	if s.Template.IsSet() {
		if stream.Template, err = markup.New(s.Template.Reveal(), markup.Options{MaxBytes: maxDocument}); err != nil {
			return stream, err
		}
	}
	stream.Replay, _ = hub.ParseReplay(s.Replay) // one of its words, or none
	if s.Keys != nil {
		if stream.Keys, err = s.KeyOptions(); err != nil {
			return stream, err
		}
	}
	if s.Push {
		return stream, nil
	}
	if s.InsecureSkipVerify {
		p.log.Warn("any certificate of the upstream is accepted, because of insecure_skip_verify", "stream", s.Name)
	}
	stream.Poll = poller.Stream{
		Every: s.Every, Timeout: s.Timeout, Linger: s.Linger, MaxWait: s.MaxWait, Upstream: s.Upstream(), Revision: s.Revision(),
		OnDemand: s.Poll == config.OnDemand, Unconditional: !s.Conditional, Revalidate: s.Revalidate,
	}
	if stream.Poll.TTL, err = document.ParsePointer(s.TTL); err != nil {
		return stream, err
	}
	if s.Success != "" {
		condition, err := reshape.NewCondition(s.Success, reshape.Options{MaxBytes: maxDocument})
		if err != nil {
			return stream, err
		}
		stream.Poll.Judge = condition.Judge
	}
	if s.Select != "" {
		reshaper, err := reshape.New(s.Select, reshape.Options{MaxBytes: maxDocument})
		if err != nil {
			return stream, err
		}
		stream.Poll.Reshape = reshaper.Reshape
	}
	comparer, err := same.New(s.Ignore)
	if err != nil {
		return stream, err
	}
	stream.Poll.Same = comparer.Same
	if s.Mock {
		stream.Poll.Source = &mock.Source{}
		return stream, nil
	}
	if s.Keys != nil {
		stream.Poll.Keys, err = newKeys(s, maxDocument, p.transports, p.tracer)
		return stream, err
	}
	options := requestOptions(s, maxDocument, p.transports, p.tracer)
	if s.Source == config.SSE {
		stream.Poll.Feed, err = httpsse.New(httpsse.Options{Options: options, Events: s.Events})
	} else {
		stream.Poll.Source, err = httpjson.New(options)
	}
	return stream, err
}

// newKeys returns how the keys of a stream are fetched.
func newKeys(s *config.Stream, maxDocument int, transports *httpjson.Transports, tracer *tracing.Tracer) (*poller.Keys, error) {
	keys := &poller.Keys{Batch: s.Keys.Batch, Parallel: s.Keys.Parallel, Absent: s.Keys.Absent}
	if s.Keys.Split != "" {
		splitter, err := reshape.NewSplit(s.Keys.Split, reshape.Options{MaxBytes: maxDocument})
		if err != nil {
			return nil, err
		}
		keys.Split = splitter.Split
	}
	options := requestOptions(s, maxDocument, transports, tracer)
	options.Parallel = s.Keys.Parallel
	var err error
	keys.Source, err = httpjson.NewKeyed(options, s.Keys.Batch > 1)
	return keys, err
}

// judgeStream says what is wrong with a stream as far as those know who ask for it.
func judgeStream(s *config.Stream, maxDocument int) error {
	if s.Push || s.Mock {
		return nil
	}
	_, err := same.New(s.Ignore)
	var wrong error
	switch options := requestOptions(s, maxDocument, nil, nil); {
	case s.Keys != nil:
		_, wrong = newKeys(s, maxDocument, nil, nil)
	case s.Source == config.SSE:
		_, wrong = httpsse.New(httpsse.Options{Options: options, Events: s.Events})
	default:
		_, wrong = httpjson.New(options)
	}
	return errors.Join(err, wrong)
}

// documentLimit returns the largest size of a document of a stream. most is that of all streams.
func documentLimit(s *config.Stream, most int) int {
	if s.MaxDocument != nil {
		return *s.MaxDocument
	}
	return most
}

// requestOptions returns the options for the requests of a stream.
func requestOptions(s *config.Stream, maxDocument int, transports *httpjson.Transports, tracer *tracing.Tracer) httpjson.Options {
	o := s.RequestOptions()
	o.MaxBody, o.UserAgent, o.Transports = int64(documentLimit(s, maxDocument)), httpjson.UserAgent(version(), s.UserAgent), transports
	if s.Traceparent && tracer != nil {
		o.Propagate = tracer.Propagate
	}
	return o
}
