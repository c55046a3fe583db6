package fanout

import (
	"fmt"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/sse"
)

// A client that is asked to return soon does so at a random time between these two, so
// that clients do not return in step.
const (
	MinRetry = 2 * time.Second
	MaxRetry = 5 * time.Second
)

// Refusal returns the whole event stream for a client whose request r Open did not admit. It
// begins like every stream, tells the client to return after retry, and has a status with
// the class of error for each stream of the request, as HTML if the client
// wants that.
func (e *Engine) Refusal(r Request, class string, retry time.Duration) []byte {
	retry = retry.Truncate(time.Millisecond) // AppendRetry rounds up, which could exceed the caller's bounds
	body := appendPreface(nil, retry, class)
	if r.HeartbeatEvent {
		var n note
		n.heartbeat(false, "", func() { n.Add(fmt.Sprintf(`{"retry": %d}`, retry.Milliseconds())) })
		body = append(body, n.Text()...)
	}
	for _, stream := range r.names() {
		body = append(body, e.views.Status(r.View.HTML, stream, hub.Status{State: hub.Down, Since: time.Now(), Error: class})...)
	}
	return body
}

// appendPreface appends the beginning of each event stream: the time after which the
// client may return, and a comment.
func appendPreface(dst []byte, retry time.Duration, comment string) []byte {
	return append(sse.AppendComment(sse.AppendRetry(dst, retry), comment), '\n')
}
