// Package leak looks for goroutines that outlive a test. It waits for longer than goleak does,
// which is less than half a second: on a busy machine the goroutines of net/http, of TLS and of
// NATS end later than that.
package leak

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds the wait for goroutines that end. It says nothing about speed.
const patience = time.Minute

// Main runs the tests of a package, and fails if they leave a goroutine behind that is not
// ignored. TestMain calls it.
func Main(m *testing.M, ignored ...goleak.Option) {
	code := m.Run()
	if code == 0 {
		if err := find(ignored...); err != nil {
			fmt.Fprintf(os.Stderr, "goroutines are left: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// Check fails the test if a goroutine is left that was not there before.
func Check(t testing.TB, before goleak.Option) {
	t.Helper()
	if err := find(before); err != nil {
		t.Errorf("goroutines are left: %v", err)
	}
}

// find returns an error if goroutines are left that do not end.
func find(ignored ...goleak.Option) error {
	for deadline := time.Now().Add(patience); ; {
		if err := goleak.Find(ignored...); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}
