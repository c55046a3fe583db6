package poller

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// flight is one request for keys, from its start until its answer has been published.
type flight struct {
	departure
	stream    *Stream
	publisher Publisher
	trace     Trace
	documents [][]byte // that clients have of each key; nil for none
	since     Version  // that the upstream is asked with
	began     time.Time
	seen      hub.ID   // the position up to which the timeline was known then, with leases
	leases    []*grant // by which each key is asked for; nil without leases

	// The answer.
	answered time.Time
	wait     time.Duration // how long the upstream wants not to be asked
	said     string        // of that
	notice   string        // as in Reading
	err      error         // of the whole request
	answers  []answer      // about each key, if err is nil
}

// answer is what a request brought for one key.
type answer struct {
	err     error
	changed bool
	reading Reading
}

// run asks the upstream, and publishes what is new.
func (f *flight) run(ctx context.Context) {
	ctx, end := f.trace(ctx, StepPoll, f.stream.Name)
	defer func() { end(failure(f.err, classOf)) }()
	reading, err := f.fetch(ctx)
	f.answered = time.Now()
	f.wait, f.said = waitOf(reading, err, f.stream.MaxWait)
	f.notice = reading.Notice
	if err == nil {
		err = f.accept(ctx, reading)
	}
	f.err = err
}

func (f *flight) fetch(ctx context.Context) (Reading, error) {
	ctx, end := f.trace(ctx, StepFetch, f.stream.Name)
	keys := make([]string, len(f.keys))
	for i, k := range f.keys {
		_, keys[i] = hub.SplitName(k.name)
	}
	reading, err := f.stream.ask(ctx, keys, f.since)
	end(failure(err, classOf))
	return reading, err
}

// accept publishes what tells clients something new, with one call for all keys.
func (f *flight) accept(ctx context.Context, reading Reading) error {
	f.answers = make([]answer, len(f.keys))
	parts, err := f.split(ctx, reading)
	if err != nil {
		return err
	}
	var messages []hub.Message
	var of []int // the index of the key of each message
	shaping, cancel := context.WithTimeout(ctx, f.stream.Timeout)
	defer cancel()
	for i := range f.keys {
		if f.leases != nil && !f.leases[i].Holds() {
			f.answers[i].err = hub.ErrSuperseded
			continue
		}
		data, err := f.news(shaping, i, reading, parts[i])
		if err != nil {
			f.answers[i].err = err
		} else if data != nil {
			messages, of = append(messages, hub.Message{Stream: f.keys[i].name, Data: data, State: true, Seen: f.seen}), append(of, i)
		}
	}
	for j, err := range f.publish(ctx, messages) {
		k, answer := f.keys[of[j]], &f.answers[of[j]]
		switch {
		case err == nil:
			answer.changed = true
		case errors.Is(err, hub.ErrUnknownStream): // the key has ended meanwhile
		default:
			// The message may have been stored nevertheless. So the next document is
			// compared with what clients have then.
			k.bodyHash = [sha256.Size]byte{}
			answer.err = &Error{Class: classOfPublish(err), Err: &publishError{err}}
		}
	}
	return nil
}

// split returns the part of each key; nil for one that the answer does not have.
func (f *flight) split(ctx context.Context, reading Reading) ([][]byte, error) {
	parts := make([][]byte, len(f.keys))
	switch k := f.keys[0]; {
	case reading.Unchanged && len(f.keys) == 1:
		return parts, nil
	case reading.Unchanged:
		return nil, &Error{Class: classNoDocument, Err: errors.New("the upstream answered that nothing has changed to a request for several keys")}
	case f.stream.Keys.Split == nil:
		parts[0] = reading.Document
		return parts, nil
	case f.stream.Keys.Batch == 1 && sha256.Sum256(reading.Document) == k.bodyHash:
		parts[0] = reading.Document // news finds that it is the same
		return parts, nil
	}
	document, err := judged(ctx, f.stream, reading)
	if err != nil {
		return nil, err
	}
	found, err := f.stream.split(ctx, document)
	if err != nil {
		return nil, err
	}
	byKey := make(map[string][]byte, len(found))
	for _, part := range found {
		byKey[part.Key] = part.Document
	}
	for i, k := range f.keys {
		_, key := hub.SplitName(k.name)
		parts[i] = byKey[key]
	}
	return parts, nil
}

// news returns the document to publish for a key, or nil if it has not changed.
func (f *flight) news(ctx context.Context, i int, reading Reading, part []byte) ([]byte, error) {
	k := f.keys[i]
	known := k.bodyHash != [sha256.Size]byte{}
	body := part
	if f.stream.Keys.Batch == 1 {
		body = reading.Document // of which the part is made
	}
	switch {
	case reading.Unchanged && known:
		f.answers[i].reading = Reading{Unchanged: true}
		return nil, nil
	case reading.Unchanged:
		return nil, &Error{Class: classNoDocument, Err: errors.New("the upstream answered that nothing has changed, but it has not sent a document yet")}
	case part == nil:
		return nil, &Error{Class: classNoDocument, Err: errNoPart}
	}
	f.answers[i].reading.Version = reading.Version
	hash := sha256.Sum256(body)
	if known && hash == k.bodyHash {
		return nil, nil
	}
	data, err := f.document(ctx, part, reading.Looks)
	if err != nil {
		return nil, err
	}
	same, err := isSameDocument(f.stream, f.documents[i], data)
	if err != nil {
		return nil, err
	}
	k.bodyHash = hash
	if same {
		return nil, nil
	}
	return data, nil
}

// document returns the document to publish for the part of a key.
func (f *flight) document(ctx context.Context, part []byte, looks func() string) (data []byte, err error) {
	if f.stream.Keys.Split == nil { // the part is the whole answer
		data, err = judged(ctx, f.stream, Reading{Document: part, Looks: looks})
	} else {
		data, err = compact(part)
	}
	if err != nil {
		return nil, err
	}
	return shape(ctx, f.stream, data)
}

var errNoPart = errors.New("the answer has nothing for this key")

// publish hands the messages of the keys to the publisher, and returns the error of each.
func (f *flight) publish(ctx context.Context, messages []hub.Message) []error {
	if len(messages) == 0 {
		return nil
	}
	ctx, end := f.trace(ctx, StepPublish, f.stream.Name)
	errs := publishAll(ctx, f.publisher, f.stream.Timeout, messages)
	end(failure(cmp.Or(errs...), classOfPublish))
	return errs
}

// publishAll hands messages to the publisher together, and returns the error of each.
func publishAll(ctx context.Context, publisher Publisher, timeout time.Duration, messages []hub.Message) []error {
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ids, err := publisher.PublishAll(ctx, messages)
	errs := make([]error, len(messages))
	for i := range messages {
		if i >= len(ids) || ids[i].IsZero() && err != nil { // otherwise the log keeps it
			errs[i] = cause(err, messages[i])
		}
	}
	return errs
}

// cause returns why a message among others was not stored. Keys may end at any moment,
// so an error that says so hides no other one.
func cause(err error, m hub.Message) error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			if !errors.Is(one, hub.ErrUnknownStream) {
				return one
			}
		}
	}
	if err == nil {
		return errors.New("hub: no ID for " + m.Stream)
	}
	return err
}

// superseded returns the names of the keys to which another node has published, or may have.
func (f *flight) superseded() (names []string) {
	for i, answer := range f.answers {
		if errors.Is(answer.err, hub.ErrSuperseded) {
			names = append(names, f.keys[i].name)
		}
	}
	return names
}
