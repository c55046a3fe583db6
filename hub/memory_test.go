package hub_test

import (
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

func TestMemoryLogObeysTheLaw(t *testing.T) {
	hubtest.TestLog(t, func(*testing.T) hub.Log { return hub.NewMemoryLog() })
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
