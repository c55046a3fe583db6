package poller

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Trial is what asking an upstream once has brought. It is for people who set a stream up.
type Trial struct {
	Reading  Reading       // of the source, before anything was made of it
	Took     time.Duration // until the source returned
	Document []byte        // the answer, compact; nil if it is not one JSON document
	Parts    []Part        // what would be published: one without a key, or one for each key that the answer has
	Wait     time.Duration // how long the upstream wants not to be asked again, at most Stream.MaxWait
	Said     string        // what it said of that
	Err      error         // why nothing would be published; nil if something would
}

// Class returns the class of Err, and why it happened, in words for operators.
func (t *Trial) Class() (class, reason string) { return classOf(t.Err), reasonOf(t.Err) }

// Try asks the upstream once, as a Poller does, and publishes nothing. keys are those that a
// stream with Keys is asked for: at least one and at most Keys.Batch, and none for other
// streams. The error says that the stream or the keys are wrong, and nothing was asked.
func (s Stream) Try(ctx context.Context, keys ...string) (Trial, error) {
	s, err := s.withDefaults()
	switch {
	case err != nil:
		return Trial{}, err
	case s.Keys == nil && len(keys) > 0:
		return Trial{}, fmt.Errorf("poller: stream %q has no keys", s.Name)
	case s.Keys != nil && (len(keys) == 0 || len(keys) > s.Keys.Batch):
		return Trial{}, fmt.Errorf("poller: stream %q: want 1 to %d keys", s.Name, s.Keys.Batch)
	}
	var t Trial
	begin := time.Now()
	t.Reading, t.Err = s.ask(ctx, keys, Version{})
	t.Took = time.Since(begin)
	t.Wait, t.Said = waitOf(t.Reading, t.Err, s.MaxWait)
	if t.Err == nil {
		t.Err = t.make(ctx, &s, keys)
	}
	return t, nil
}

// ask calls the source of the stream.
func (s Stream) ask(ctx context.Context, keys []string, since Version) (Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return guarded("in asking the upstream", func() (Reading, error) {
		if s.Keys != nil {
			return s.Keys.Source.FetchKeys(ctx, keys, since)
		}
		return s.Source.Fetch(ctx, since)
	})
}

// make turns the answer into what would be published.
func (t *Trial) make(ctx context.Context, s *Stream, keys []string) (err error) {
	if t.Reading.Unchanged {
		return &Error{Class: classNoDocument, Err: errors.New("the upstream answered that nothing has changed, but it was not asked that")}
	}
	if t.Document, err = judged(ctx, s, t.Reading); err != nil {
		return err
	}
	parts := []Part{{Document: t.Document}}
	switch {
	case s.Keys != nil && s.Keys.Split == nil:
		parts[0].Key = keys[0]
	case s.Keys != nil:
		if parts, err = s.split(ctx, t.Document); err != nil {
			return err
		}
	}
	for _, part := range parts {
		shaped, err := shape(ctx, s, part.Document)
		if err != nil {
			return err
		}
		t.Parts = append(t.Parts, Part{Key: part.Key, Document: shaped})
	}
	if len(t.Parts) == 0 {
		return &Error{Class: classNoDocument, Err: errNoPart}
	}
	return nil
}

// split divides a document into the parts for keys.
func (s Stream) split(ctx context.Context, document []byte) ([]Part, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return guarded("in the program of split", func() ([]Part, error) { return s.Keys.Split(ctx, document) })
}
