package httpsse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/sse"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// Unnamed is the name in Options.Events of the events without a name (HTML 9.2.6).
const Unnamed = hub.MessageEvent

// Options configure a Source. New copies them.
type Options struct {
	// Options say what is requested, and how. AcceptStatus and Charset have no effect: an
	// event stream comes with status 200, and is UTF-8.
	httpjson.Options

	// Events are the names of the events whose data are documents, see CheckEvent. Nil means
	// those without a name.
	Events []string
}

// reserved are the names of the events of a Pollux that are no documents.
var reserved = []string{
	hub.StatusEvent, hub.ResetEvent, hub.SnapshotEvent, hub.PatchEvent, hub.MergeEvent, hub.HeartbeatEvent,
}

// mostName is the length of the longest name of an event, in bytes.
const mostName = 200

// CheckEvent returns nil for a name that Options.Events may have.
func CheckEvent(name string) error {
	switch {
	case name == "" || len(name) > mostName || !sse.ValidField(name):
		return fmt.Errorf("want 1 to %d bytes without line breaks; %s stands for events without a name", mostName, Unnamed)
	case slices.Contains(reserved, name):
		return fmt.Errorf("want another name: the events %s are those of a Pollux, and are not documents", strings.Join(reserved, ", "))
	}
	return nil
}

// Source follows one URL. Its methods are safe for concurrent use.
type Source struct {
	*httpjson.Opener
	origin string
	events []string // as a decoder names them
	limit  int      // of a line, in bytes
}

var (
	_ poller.Feed = (*Source)(nil)
	_ io.Closer   = (*Source)(nil)
)

// New returns a source. It connects to nothing. The error names all mistakes of the options,
// without quoting what may be a secret.
func New(opts Options) (*Source, error) {
	var errs []error
	events := []string{""}
	if opts.Events != nil {
		events = slices.Clone(opts.Events)
	}
	for i, name := range opts.Events {
		if err := CheckEvent(name); err != nil {
			errs = append(errs, fmt.Errorf("httpsse: Events has %q: %w", name, err))
		}
		if name == Unnamed {
			events[i] = ""
		}
	}
	opener, err := httpjson.NewOpener(opts.Options, mediaType)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	limit := int(opts.MaxBody)
	if limit == 0 {
		limit = httpjson.DefaultMaxBody
	}
	sum := sha256.Sum256([]byte(opts.URL + "\n" + opts.Method + "\n" + string(opts.Body)))
	return &Source{Opener: opener, origin: hex.EncodeToString(sum[:8]), events: events, limit: limit + len(longestField)}, nil
}

const (
	mediaType = "text/event-stream"

	// longestField is what a line has beside its value.
	longestField = "event: "

	// mostID is the longest ID that is sent back, in bytes.
	mostID = 1024
)

// refusals are the statuses by which an upstream may say that it does not accept the ID that
// it is sent.
var refusals = []string{"http_400", "http_409", "http_410", "http_412", "http_416", "http_422"}

// Open implements [poller.Feed].
func (s *Source) Open(ctx context.Context, after string, heard func()) (poller.Flow, error) {
	answer, err := s.Opener.Open(ctx, position(after), heard)
	if failed, ok := errors.AsType[*poller.Error](err); ok && after != "" && failed.Wait == 0 && slices.Contains(refusals, failed.Class) {
		after = ""
		answer, err = s.Opener.Open(ctx, nil, heard)
	}
	if err != nil {
		return nil, err
	}
	return &flow{
		Answer:  answer,
		events:  s.events,
		decoder: sse.NewDecoderWithOptions(answer, &sse.DecoderOptions{MaxBytes: s.limit}),
		id:      after,
		states:  make(map[string]hub.Status),
	}, nil
}

// position returns the header that says where to go on.
func position(after string) http.Header {
	if after == "" || len(after) > mostID || !httpguts.ValidHeaderFieldValue(after) {
		return nil
	}
	return http.Header{"Last-Event-Id": {after}} // in its canonical form: names have no case
}

// Origin implements [poller.Feed].
func (s *Source) Origin() string { return s.origin }
