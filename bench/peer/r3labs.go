package peer

import (
	"net/http"
	"strconv"

	"github.com/r3labs/sse/v2"
)

// r3labsStream is the stream's name in its README.
const r3labsStream = "messages"

// r3labs is r3labs/sse as its README has it, but for the replay: that keeps
// every event there ever was, and would be measured as a leak.
type r3labs struct{ *sse.Server }

func newR3labs() *r3labs {
	server := sse.New()
	server.AutoReplay = false
	server.CreateStream(r3labsStream)
	return &r3labs{server}
}

func (r *r3labs) ServeHTTP(w http.ResponseWriter, q *http.Request) { r.Server.ServeHTTP(w, q) }

func (r *r3labs) publish(id uint64, data []byte) error {
	r.Publish(r3labsStream, &sse.Event{ID: strconv.AppendUint(nil, id, 10), Data: data})
	return nil
}
