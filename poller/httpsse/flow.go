package httpsse

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/sse"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// flow is an open event stream.
type flow struct {
	*httpjson.Answer
	events  []string
	decoder *sse.Decoder
	id      string // the position; that of the connection before until this one has told another
	hasID   bool

	states map[string]hub.Status // that a Pollux has told, by stream; those that are not live
}

// Opening implements [poller.Flow].
func (f *flow) Opening() poller.Reading {
	return poller.Reading{Wait: f.Wait, Said: f.Said, Notice: f.Notice}
}

// Next implements [poller.Flow].
func (f *flow) Next() (poller.News, error) {
	for {
		event, err := f.decoder.Next()
		if id := f.decoder.LastEventID(); id != "" || f.hasID {
			f.id, f.hasID = id, true
		}
		news := poller.News{ID: f.id}
		news.Retry, _ = f.decoder.Retry()
		switch {
		case errors.Is(err, io.EOF):
			return news, io.EOF
		case errors.Is(err, sse.ErrTooLarge):
			return news, f.TooLarge()
		case err != nil:
			return news, f.Failure(err)
		}
		wanted, err := f.read(event, &news)
		if wanted || err != nil {
			return news, err
		}
	}
}

// read says what an event means, and whether it means anything. After an error nothing of the
// stream can be used any more.
func (f *flow) read(event sse.Event, news *poller.News) (wanted bool, err error) {
	switch event.Name {
	case hub.StatusEvent:
		return f.readStatus(event.Data, news)
	case hub.ResetEvent:
		return f.readReset(event.Data, news), nil
	case hub.SnapshotEvent, hub.PatchEvent, hub.MergeEvent:
		return false, &poller.Error{Class: classFormat, Err: errors.New("the upstream sends changes and not documents: url should have no mode in its query")}
	}
	if !slices.Contains(f.events, event.Name) {
		return false, nil
	}
	news.Reading, news.Err = f.Document(event.Data)
	return true, nil
}

// classFormat is that of package httpjson for an answer that is not what it should be.
const classFormat = "format"

// unadmitted are the classes with which a Pollux refuses a client. They say nothing of its
// documents.
var unadmitted = []string{hub.ErrorOverloaded, hub.ErrorDraining, hub.ErrorExpired, hub.ErrorOrigin}

// mostStates bounds the streams whose status is kept.
const mostStates = 100

// readStatus takes what a Pollux says of the freshness of one of its streams. News gets the
// worst state of all that count.
func (f *flow) readStatus(data []byte, news *poller.News) (wanted bool, err error) {
	var said struct {
		Stream string    `json:"stream"`
		State  hub.State `json:"state"`
		Error  string    `json:"error"`
	}
	known := json.Unmarshal(data, &said) == nil && slices.Contains([]hub.State{hub.Live, hub.Stale, hub.Down}, said.State)
	if !known { // it is from somebody else
		return false, nil
	}
	if !slices.Contains(f.events, "") && !slices.Contains(f.events, said.Stream) {
		return false, nil
	}
	if said.State == hub.Down && slices.Contains(unadmitted, said.Error) {
		return false, &poller.Error{Class: said.Error, Err: fmt.Errorf("the upstream, which is a Pollux, does not admit this client now: %s", said.Error)}
	}
	if said.State == hub.Live {
		delete(f.states, said.Stream)
	} else if len(f.states) < mostStates {
		f.states[said.Stream] = hub.Status{State: said.State, Error: said.Error}
	}
	worst := hub.Status{State: hub.Live}
	for _, one := range f.states {
		if worst.State == hub.Live || one.State == hub.Down {
			worst = one
		}
	}
	news.Status = &worst
	return true, nil
}

// readReset takes the word of a Pollux that it cannot go on behind the position that it was
// sent.
func (f *flow) readReset(data []byte, news *poller.News) (wanted bool) {
	var said struct {
		Reason  string `json:"reason"`
		Skipped int    `json:"skipped"`
	}
	if json.Unmarshal(data, &said) != nil || !hub.IsErrorClass(said.Reason) {
		return false // it is from somebody else
	}
	news.Gap = said.Reason
	if said.Skipped > 0 {
		news.Gap = fmt.Sprintf("%s: %d", said.Reason, said.Skipped)
	}
	return true
}
