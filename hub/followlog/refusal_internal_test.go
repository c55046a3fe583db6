package followlog

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/internal/capture"
)

// A key that the origin refuses again and again is asked for more and more rarely, until it is
// not refused or not wanted any more.
func TestRefusedKeyIsAskedForMoreRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out capture.Output
		l, err := New(Options{
			Origins: []string{"https://origin.example"}, Random: func() float64 { return 0.999999 },
			Logger: slog.New(slog.NewTextHandler(&out, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		const key = "prices/X"
		l.session, l.told = "s", map[string]bool{}
		l.next([]string{key}, nil)
		// refuse returns after how long the key is asked for again.
		refuse := func() time.Duration {
			t.Helper()
			began := time.Now()
			l.again(key)
			<-l.changed
			if change, _, _, _ := l.next(nil, nil); len(change.Want) != 1 {
				t.Fatalf("wanted: %v", change)
			}
			return time.Since(began)
		}
		last := time.Duration(0)
		for i := range 20 {
			wait := refuse()
			switch {
			case i == 0 && wait != askAgain, wait < last, wait > askMost:
				t.Errorf("refusal %d: asked again after %v, and before after %v", i+1, wait, last)
			}
			last = wait
		}
		if last < askMost-time.Second {
			t.Errorf("asked again after %v at last", last)
		}
		if n := strings.Count(out.String(), "refuses a key"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		l.accepted(key)
		if wait := refuse(); wait != askAgain {
			t.Errorf("asked again after %v, after it was not refused", wait)
		}
		refuse()
		l.next(nil, []string{key})
		l.again(key) // which comes too late
		l.next([]string{key}, nil)
		if wait := refuse(); wait != askAgain {
			t.Errorf("asked again after %v, after nobody wanted it", wait)
		}

		// Another connection is told of everything anyway.
		l.again(key)
		l.mu.Lock()
		l.session = "other"
		l.mu.Unlock()
		time.Sleep(askMost)
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.told[key] {
			t.Error("the refusal of a connection that has ended counts in the next one")
		}
	})
}
