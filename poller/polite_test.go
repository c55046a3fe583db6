package poller_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/poller"
)

// manners checks that an upstream is never asked before its wait is over, twice within
// a second, or while no client listens.
type manners struct {
	every    time.Duration
	answers  []answer // one after the other, in a circle
	audience *audience

	mu        sync.Mutex
	calls     int
	begun     time.Time
	notBefore time.Time
	wanted    time.Time // when PollNow was called
	left      time.Time // when a client left
	wrong     []string
}

// answer is an answer of the upstream, and how long it takes.
type answer struct {
	takes, wait time.Duration
	fails       bool
}

func (m *manners) Fetch(context.Context, poller.Version) (poller.Reading, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if now.Before(m.notBefore) {
		m.wrong = append(m.wrong, fmt.Sprintf("asked %v before the wait was over", m.notBefore.Sub(now)))
	}
	if gap := now.Sub(m.begun); gap < min(poller.MinGap, m.every) {
		m.wrong = append(m.wrong, fmt.Sprintf("asked %v after the fetch before", gap))
	}
	if m.wanted.Before(m.begun) && m.audience.Listeners() == 0 && now.Sub(m.left) > 2*m.every {
		m.wrong = append(m.wrong, "asked while nobody listens")
	}
	m.begun = now
	answer := m.answers[m.calls%len(m.answers)]
	m.calls++
	m.mu.Unlock()
	time.Sleep(answer.takes)
	m.mu.Lock()
	m.notBefore = time.Now().Add(answer.wait)
	if answer.fails {
		return poller.Reading{}, &poller.Error{Class: "http_503", Wait: answer.wait}
	}
	return poller.Reading{Document: []byte(`1`), Wait: answer.wait}, nil
}

// note sets a time to now.
func (m *manners) note(at *time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*at = time.Now()
}

// step is an action of others, and the pause after it.
type step struct {
	does  string
	pause time.Duration
}

// TestUpstreamIsTreatedWell has an upstream that fails and waits at random, clients
// that come and leave, and calls of PollNow.
func TestUpstreamIsTreatedWell(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		every := time.Duration(rapid.Int64Range(int64(50*time.Millisecond), int64(20*time.Second)).Draw(rt, "every"))
		pause := rapid.Custom(func(t *rapid.T) time.Duration {
			return max(0, time.Duration(rapid.Int64Range(-int64(every), int64(2*every)).Draw(t, "pause")))
		})
		m := &manners{every: every}
		m.answers = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) answer {
			return answer{pause.Draw(t, "takes") * 3 / 8, pause.Draw(t, "wait"), rapid.Bool().Draw(t, "fails")}
		}), 1, 10).Draw(rt, "answers")
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.SampledFrom([]string{"poll", "join", "leave"}).Draw(t, "does"), pause.Draw(t, "pause")}
		}), 1, 40).Draw(rt, "steps")
		spread := pause.Draw(rt, "spread")

		synctest.Test(t, func(t *testing.T) {
			m.audience = newAudience(false) // with a channel of this bubble
			polling, stop := start(t, newPublisher(), m, func(o *poller.Options) {
				o.Streams[0].Every, o.Streams[0].Linger = every, every
				onDemand(o, m.audience)
				o.Spread = spread
			})
			for _, step := range steps {
				synctest.Wait()
				switch {
				case step.does == "poll":
					m.note(&m.wanted)
					if _, err := polling.PollNow(""); err != nil {
						t.Error(err)
					}
				case step.does == "join":
					m.audience.join()
				case m.audience.Listeners() > 0:
					m.audience.leave()
					m.note(&m.left)
				}
				time.Sleep(step.pause)
			}
			stop()
		})
		if len(m.wrong) > 0 {
			rt.Fatal(m.wrong)
		}
	})
}
