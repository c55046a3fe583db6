package hub_test

import (
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

func TestMemoryLogObeysTheLaw(t *testing.T) {
	hubtest.TestLog(t, func(*testing.T) hub.Log { return hub.NewMemoryLog() })
	hubtest.TestShared(t, func(*testing.T) hub.Log { return hub.NewMemoryLog() })
}

// A memory log drops the oldest events of all streams, and then the first position tells it.
func TestMemoryLogTellsHoles(t *testing.T) {
	hubtest.TestHoles(t, func(*testing.T) hubtest.Holes {
		log := hub.NewMemoryLog()
		return hubtest.Holes{Options: hub.Options{Log: log}, Lose: func(t *testing.T, _ hub.ID) {
			t.Helper()
			for range 1200 {
				if _, err := log.Append(t.Context(), hub.Message{Stream: "b", Data: []byte("1")}); err != nil {
					t.Fatal(err)
				}
			}
		}}
	})
}

func TestMemoryLogsHaveDifferentEpochs(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		id, err := hub.NewMemoryLog().Append(t.Context(), hub.Message{Data: []byte("1")})
		if err != nil || seen[id.Epoch()] || len(id.Epoch()) != 16 {
			t.Fatalf("ID %v, %v", id, err)
		}
		seen[id.Epoch()] = true
	}
}
