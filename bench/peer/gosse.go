package peer

import (
	"net/http"
	"strconv"

	"github.com/tmaxmax/go-sse"
)

// goSSE is tmaxmax/go-sse as its README's "Hello world" has it: a Server with
// its default provider, which remembers nothing. By default a client hears
// nothing before the first event, not even the head of the answer; so that it can
// be told when it is connected, the head is sent at once.
type goSSE struct{ sse.Server }

func newGoSSE() *goSSE {
	g := new(goSSE)
	g.OnSession = func(w http.ResponseWriter, _ *http.Request) ([]string, bool) {
		w.Header().Set("Content-Type", "text/event-stream")
		if err := http.NewResponseController(w).Flush(); err != nil {
			return nil, false
		}
		return []string{sse.DefaultTopic}, true
	}
	return g
}

func (g *goSSE) publish(id uint64, data []byte) error {
	m := &sse.Message{ID: sse.ID(strconv.FormatUint(id, 10))}
	m.AppendData(string(data))
	return g.Publish(m)
}
