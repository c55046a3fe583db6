package lease_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// Nodes that were killed leave their records behind. A node that has just begun does not wait for
// them: it takes the lease at once when its holder ends.
func TestRecordsOfKilledNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		holder := start(t, s, "holder", 0.5)
		holder.want("s")
		time.Sleep(time.Second)
		for i := range 40 {
			killed := start(t, s, fmt.Sprint("killed", i), 0.5)
			time.Sleep(time.Second)
			killed.kill()
		}
		time.Sleep(2 * ttl)
		next := start(t, s, "next", 0.5)
		next.want("s")
		time.Sleep(time.Second)
		if !holder.holds("s") {
			t.Fatal("the holder has lost the lease")
		}
		holder.stop()
		time.Sleep(time.Second)
		if !next.holds("s") {
			t.Error("the next node waits for nodes that were killed")
		}
	})
}
