package poller

import (
	"context"
	"errors"
	"fmt"
	"io"
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

	// Of a stream with a Feed: the ID of the event with the document, and how long the
	// stream would wait before it connects again.
	ID    string
	Retry time.Duration
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
	if s.Feed != nil {
		t.follow(ctx, &s)
	} else {
		t.Reading, t.Err = s.ask(ctx, keys, Version{})
	}
	t.Took = time.Since(begin)
	t.Wait, t.Said = waitOf(t.Reading, t.Err, s.MaxWait)
	if t.Err == nil {
		t.Err = t.make(ctx, &s, keys)
	}
	return t, nil
}

// mostPatience is the longest time for which Try waits for an event.
const mostPatience = 30 * time.Second

// follow takes the first document that a Feed sends, within an interval.
func (t *Trial) follow(ctx context.Context, s *Stream) {
	opening, cancel := WithTimeout(ctx, s.Timeout)
	defer cancel()
	flow, err := guarded("in connecting to the upstream", func() (Flow, error) { return s.Feed.Open(opening, "", func() {}) })
	if err != nil {
		t.Err = err
		return
	}
	patience := min(s.Every, mostPatience)
	waiting, enough := context.WithTimeout(ctx, patience)
	defer enough()
	closed := make(chan struct{})
	stop := context.AfterFunc(waiting, func() {
		defer close(closed)
		_ = flow.Close() // Next returns then
	})
	news, err := firstDocument(flow)
	if !stop() {
		<-closed
		if ctx.Err() == nil {
			err = &Error{Class: ClassTimeout, Err: fmt.Errorf("the connection is open, but no event with a document has come within %v", patience)}
		}
	} else {
		_ = flow.Close() // it was only read
	}
	first := flow.Opening()
	t.Reading, t.Err = news.Reading, err
	t.Reading.Wait, t.Reading.Said, t.Reading.Notice = first.Wait, first.Said, first.Notice
	t.ID, t.Retry = news.ID, news.Retry
}

// firstDocument returns the first event that has a document, or should have one.
func firstDocument(flow Flow) (News, error) {
	for {
		news, err := guarded("in reading from the upstream", flow.Next)
		switch {
		case errors.Is(err, io.EOF):
			return news, &Error{Class: classDisconnected, Err: errors.New("the upstream ended the connection before it had sent a document")}
		case err != nil:
			return news, err
		case news.Err != nil:
			return news, news.Err
		case news.Status == nil && news.Gap == "":
			return news, nil
		}
	}
}

// ask calls the source of the stream.
func (s Stream) ask(ctx context.Context, keys []string, since Version) (Reading, error) {
	ctx, cancel := WithTimeout(ctx, s.Timeout)
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
	if s.Keys == nil && s.Feed == nil {
		holds := ttlOf(s.TTL, t.Document)
		t.Wait, t.Said = holds.lengthen(t.Wait, t.Said, s.MaxWait)
		t.Reading.Notice = holds.add(t.Reading.Notice)
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
