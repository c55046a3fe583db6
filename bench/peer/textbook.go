package peer

import (
	"fmt"
	"net/http"
	"sync"
)

// textbookBuffer is how many events a client may be behind before it misses
// some: as many as Pollux buffers by default.
const textbookBuffer = 16

// textbook is the hub that tutorials show: a goroutine and a channel a client, a
// map of all channels, net/http and a flush an event. A client whose channel is
// full misses the event.
type textbook struct {
	mu      sync.Mutex
	clients map[chan message]struct{}
}

type message struct {
	id   uint64
	data []byte
}

func newTextbook() *textbook { return &textbook{clients: make(map[chan message]struct{})} }

func (t *textbook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	flusher, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "no streaming", http.StatusInternalServerError)
		return
	}
	messages := make(chan message, textbookBuffer)
	t.mu.Lock()
	t.clients[messages] = struct{}{}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.clients, messages)
		t.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	flusher.Flush()
	for {
		select {
		case m := <-messages:
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", m.id, m.data); err != nil {
				return
			}
			flusher.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func (t *textbook) publish(id uint64, data []byte) error {
	m := message{id, data}
	t.mu.Lock()
	defer t.mu.Unlock()
	for messages := range t.clients {
		select {
		case messages <- m:
		default:
		}
	}
	return nil
}
