package poller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// Bounds and defaults of Stream.
const (
	DefaultEvery = 5 * time.Second
	MinEvery     = time.Millisecond
	MaxEvery     = 7 * 24 * time.Hour

	// DefaultMaxWait is the longest time for which an upstream can put off the next
	// fetch, and MaxMaxWait the largest that a Stream can have instead.
	DefaultMaxWait = time.Hour
	MaxMaxWait     = 7 * 24 * time.Hour

	// MaxDefaultTimeout is the longest default of Timeout.
	MaxDefaultTimeout = 10 * time.Second

	// DefaultLinger is how long a stream that is polled on demand is still polled
	// after its last client has left.
	DefaultLinger = time.Minute
)

// Stream is one upstream and how often to ask it.
type Stream struct {
	// Name is the stream that documents are published to, see
	// [hub.CheckStream]. Empty means hub.DefaultStream.
	Name string

	// Source asks the upstream. The poller closes it when it is no longer used, see
	// [Poller.Set] and [Poller.Run].
	Source Source

	// Keys say how the keys of the stream are asked, instead of Source. Nil means
	// that the stream has no keys.
	Keys *Keys

	// Feed sends the documents of the stream by itself, instead of Source. Nil means that
	// the stream is asked. The poller closes it as it closes a Source.
	Feed Feed

	// Every is the interval, from MinEvery to MaxEvery. 0 means DefaultEvery, and
	// DefaultFeedEvery with a Feed, which breaks its silence at least as often.
	Every time.Duration

	// Timeout bounds one fetch, or the opening of a Feed, then Reshape, and then the publishing of the result,
	// each separately. It must be less than Every. 0 means DefaultTimeout of Every.
	Timeout time.Duration

	// MaxWait is the longest time for which the upstream can put off the next fetch, up
	// to MaxMaxWait. 0 means DefaultMaxWait.
	MaxWait time.Duration

	// TTL points to the number of seconds for which an answer says that it holds. The
	// stream is not asked again before that time is over, as if the upstream wanted it. It is
	// found in the compact document of an answer, before Split and Reshape, and has no effect
	// with Keys or a Feed. The zero Pointer asks for nothing.
	TTL document.Pointer

	// Unconditional says that the upstream is not believed when it answers that
	// nothing has changed: Source is never given a Version.
	Unconditional bool

	// Revalidate is how long such answers are believed: after this time, but not
	// before the hundredth fetch, Source is given no Version once. 0 means
	// DefaultRevalidate. It has no effect on a Source that is given no Version.
	Revalidate time.Duration

	// Judge returns why an answer is no success, or nil: some upstreams send their
	// errors as documents. It is given the compact document of an answer, which it must
	// not modify, before Split and Reshape. An error is a failure of the attempt, classed
	// like an error of Source, and clients keep the document that they have. It must
	// return when ctx ends, and with Keys it may be called by many goroutines at once.
	// Nil means that each document is a success.
	Judge func(ctx context.Context, document []byte) error

	// Reshape turns a fetched document into the document to publish. It is given a
	// compact document, which it must not modify, but whose memory it may return. Its
	// result is made compact. It is called for each body that is not equal to the
	// previous one. An error is a failure of the attempt, classed like an error of
	// Source, and the body is tried again when it is fetched again. It must return
	// when ctx ends. Nil means that documents are published as they are.
	Reshape func(ctx context.Context, document []byte) ([]byte, error)

	// Same reports that a document tells clients nothing new, compared with the
	// published document. Both are compact and reshaped. Same must not modify them,
	// and is not called for equal documents. Nil means that only equal documents are
	// the same.
	Same func(published, document []byte) bool

	// OnDemand says that the stream is polled only while clients listen to it.
	OnDemand bool

	// Linger is how long the stream is still polled after its last client has
	// left. 0 means DefaultLinger. Without OnDemand it has no effect.
	Linger time.Duration

	// Upstream names what Source asks, in words of the caller. If Set changes a stream
	// and Upstream stays the same, the upstream's wait still holds. An empty name
	// equals no other.
	Upstream string

	// Revision names all of the above, in words of the caller. Set keeps a running
	// stream if its name and Revision are those of a given one. An empty Revision
	// equals no other.
	Revision string

	// TellFirst says that clients may know the stream in a state other than live when
	// it begins, for example from a log that outlives the process. Then its first
	// known state is published even if it is live.
	TellFirst bool
}

// DefaultTimeout returns the default of Stream.Timeout: four fifths of the interval, but
// at most MaxDefaultTimeout.
func DefaultTimeout(every time.Duration) time.Duration { return min(MaxDefaultTimeout, every*4/5) }

// withDefaults returns the stream with defaults in place of zeros, or an error that
// names all mistakes.
func (s Stream) withDefaults() (Stream, error) {
	var errs []error
	if s.Name == "" {
		s.Name = hub.DefaultStream
	}
	if err := hub.CheckStream(s.Name); err != nil {
		errs = append(errs, err)
	}
	switch {
	case s.Keys != nil && s.Source != nil:
		errs = append(errs, errors.New("both Source and Keys"))
	case s.Feed != nil && (s.Source != nil || s.Keys != nil):
		errs = append(errs, errors.New("a Feed, and Source or Keys"))
	case s.Keys != nil:
		keys, wrong := s.Keys.withDefaults()
		s.Keys = &keys
		errs = append(errs, wrong...)
	case !s.HasUpstream():
		errs = append(errs, errors.New("no Source"))
	}
	switch {
	case s.Every != 0:
	case s.Feed != nil:
		s.Every = DefaultFeedEvery
	default:
		s.Every = DefaultEvery
	}
	if s.Every < MinEvery || s.Every > MaxEvery {
		errs = append(errs, fmt.Errorf("Every is %v, want %v to %v", s.Every, MinEvery, MaxEvery))
	}
	switch {
	case s.Timeout == 0:
		s.Timeout = DefaultTimeout(s.Every)
	case s.Timeout < 0 || s.Timeout >= s.Every:
		errs = append(errs, fmt.Errorf("Timeout is %v, want more than 0 and less than Every, which is %v", s.Timeout, s.Every))
	}
	if s.MaxWait == 0 {
		s.MaxWait = DefaultMaxWait
	}
	if s.MaxWait < 0 || s.MaxWait > MaxMaxWait {
		errs = append(errs, fmt.Errorf("MaxWait is %v, want more than 0 and at most %v", s.MaxWait, MaxMaxWait))
	}
	switch {
	case s.Revalidate == 0:
		s.Revalidate = DefaultRevalidate
	case s.Revalidate < 0:
		errs = append(errs, fmt.Errorf("Revalidate is %v, want more than 0", s.Revalidate))
	}
	switch {
	case s.Linger == 0:
		s.Linger = DefaultLinger
	case s.Linger < 0:
		errs = append(errs, fmt.Errorf("Linger is %v, want more than 0", s.Linger))
	}
	for i, err := range errs {
		errs[i] = fmt.Errorf("poller: stream %q: %w", s.Name, err)
	}
	return s, errors.Join(errs...)
}

// Check returns an error that names all mistakes of the stream.
func (s Stream) Check() error {
	_, err := s.withDefaults()
	return err
}

// HasUpstream reports whether the stream has a Source, Keys or a Feed.
func (s Stream) HasUpstream() bool { return s.Source != nil || s.Keys != nil || s.Feed != nil }

// source returns the Source, KeySource or Feed of the stream.
func (s Stream) source() any {
	switch {
	case s.Keys != nil:
		return s.Keys.Source
	case s.Feed != nil:
		return s.Feed
	}
	return s.Source
}
