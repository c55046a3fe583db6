package natslog

import (
	"testing"
	"time"
)

// The wait before a connection is tried again grows, is random, and is a second at most however long the
// servers are away.
func TestReconnectDelay(t *testing.T) {
	for attempts, most := range map[int]time.Duration{0: reconnectFirst, 1: 2 * reconnectFirst, 4: 16 * reconnectFirst, 5: time.Second, 1 << 40: time.Second} {
		seen := map[time.Duration]bool{}
		for range 100 {
			wait := reconnectDelay(attempts)
			if wait < most/2 || wait >= most {
				t.Fatalf("after %d attempts: %v, want %v to %v", attempts, wait, most/2, most)
			}
			seen[wait] = true
		}
		if len(seen) < 50 {
			t.Errorf("after %d attempts: %d different waits of 100", attempts, len(seen))
		}
	}
}
