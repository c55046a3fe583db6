package hub_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/polluxhub/pollux/hub"
)

// knowingLog is a log that several hubs share.
type knowingLog struct {
	hub.Log

	mu        sync.Mutex
	documents map[string]*hub.Event
	statuses  map[string]*hub.Event
}

func (l *knowingLog) Newest(stream string) (document, status *hub.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.documents[stream], l.statuses[stream]
}

func (l *knowingLog) Tail(ctx context.Context, emit func(hub.Batch) error) error {
	return l.Log.Tail(ctx, func(batch hub.Batch) error {
		l.mu.Lock()
		for _, e := range batch.Events {
			if e.Kind() == hub.KindStatus {
				l.statuses[e.Stream()] = e
			} else {
				l.documents[e.Stream()] = e
			}
		}
		l.mu.Unlock()
		return emit(batch)
	})
}

// Clients of another hub listen to a key, and its newest document and status came when it did
// not exist here. A client that comes here gets both, and one that comes from the other hub
// goes on where it was.
func TestKeyOfWhichTheLogKnowsMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &knowingLog{Log: hub.NewMemoryLog(), documents: map[string]*hub.Event{}, statuses: map[string]*hub.Event{}}
		match, err := hub.NewKeyPattern("[a-z]")
		if err != nil {
			t.Fatal(err)
		}
		h := newHub(t, hub.Options{Log: log, Shared: true, Streams: []hub.StreamOptions{{Name: "k", Keys: &hub.KeyOptions{Match: match}}}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx) }()
		defer func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		another := func(m hub.Message) hub.ID {
			id, err := log.Append(ctx, m)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // until this hub has read it
			return id
		}
		told := func(id hub.ID, name string) string {
			s := subscribe(t, h, hub.SubscribeOptions{Streams: []string{name}, LastEventID: hub.ParseLastEventID(id.String())})
			defer s.Close()
			var kinds []string
			for _, e := range s.Replay() {
				switch text := string(e.Data()); {
				case e.Kind() == hub.KindData:
					kinds = append(kinds, text)
				case e.Kind() == hub.KindStatus:
					kinds = append(kinds, string(h.Status(name).State))
				default:
					kinds = append(kinds, "reset")
				}
			}
			return strings.Join(kinds, " ")
		}
		older := another(hub.Message{Stream: "k/a", Data: []byte("1")})
		another(hub.Message{Stream: "k/a", Data: []byte("1.5")})
		newest := another(hub.Message{Stream: "k/a", Data: []byte("2")})
		another(hub.Message{Stream: "k/a", Status: &hub.Status{State: hub.Down}})
		another(hub.Message{Stream: "k/b", Data: []byte("3")})
		another(hub.Message{Stream: "k/c", Data: []byte("4")})
		for _, test := range []struct {
			name string
			id   hub.ID
			want string
		}{
			{"k/a", hub.ID{}, "2 down"},
			{"k/a", newest, "down"},
			{"k/a", older, "reset 2 down"},
			{"k/d", hub.ID{}, ""},
		} {
			if got := told(test.id, test.name); got != test.want {
				t.Errorf("a client of %s with the ID %q gets %q, want %q", test.name, test.id, got, test.want)
			}
		}
		if e, err := h.Latest("k/b"); err != nil || e != nil {
			t.Errorf("a key that nobody wants here has %v, %v", e, err)
		}
		if err := h.Touch("k/b"); err != nil {
			t.Fatal(err)
		}
		if e, err := h.Latest("k/b"); err != nil || e == nil || string(e.Data()) != "3" {
			t.Errorf("a key that was touched has %v, %v", e, err)
		}
		if stats, err := h.StreamStats("k"); err != nil || stats.HistoryLen != 2 {
			t.Errorf("%d documents are kept, %v, want 2", stats.HistoryLen, err)
		}
	})
}
