package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/polluxhub/pollux/hub"
)

// A log that several processes share is heard by a beat: a message that one of them writes
// when there was none for beatEvery, give or take a fourth. JetStream itself answers for
// seconds after it has lost its quorum, so its answers are no proof.
const (
	beatEvery   = time.Second
	beatTimeout = time.Second
	beatsKept   = 64 // a log removes older ones with every so many of its own

	// silence is how long nothing may be heard before the log counts as lost.
	silence = 3 * time.Second

	pulseEvery = beatEvery / 4

	// While the log counts as lost, whatever is tried again waits for a random time between these.
	// Servers that have just found each other are asked some hundred times a second by a hundred
	// nodes then.
	hurryLeast = beatEvery / 5
	hurryMost  = beatEvery / 2
)

// errSilent is why a log is lost if nothing else says why.
var errSilent = errors.New("natslog: nothing is heard from the stream")

// pulse is what a log that is shared knows of whether the stream works. Log.mu guards it.
type pulse struct {
	tails  int       // how many read the stream
	heard  time.Time // when one of them has last heard a message that proves it
	acked  time.Time // when JetStream has last stored a message of this log
	beats  uint64    // how many beats this log has written
	proves uint64    // while the log is lost, the first of its beats that proves the contrary
}

// beat is the body of a beat. Fields that are not known are ignored.
type beat struct {
	Node  string `json:"node,omitempty"`
	Count uint64 `json:"count"` // of this process
}

// live reports when the stream has last proved that it works. The caller holds Log.mu.
func (p *pulse) live() time.Time {
	if p.tails == 0 {
		return p.acked
	}
	return p.heard
}

// hear notes that a message has come. Of a beat of this log, own is its number.
func (l *Log) hear(own uint64) {
	if !l.shared {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure == nil || own > 0 && own >= l.pulse.proves {
		l.pulse.heard = time.Now()
	}
}

// ownBeat returns the number of a beat if this log has written it, else 0.
func (l *Log) ownBeat(writer string, body []byte) uint64 {
	var b beat
	if writer != l.instance || json.Unmarshal(body, &b) != nil {
		return 0
	}
	return b.Count
}

// listens notes that one more, or one less, reads the stream.
func (l *Log) listens(by int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pulse.tails += by; l.pulse.tails == 1 && by == 1 {
		l.pulse.heard = time.Now() // from now on
	}
}

// beat writes a beat.
func (l *Log) beat(ctx context.Context, one *life) error {
	l.mu.Lock()
	l.pulse.beats++
	count := l.pulse.beats
	l.mu.Unlock()
	body, err := json.Marshal(beat{Node: l.opts.Node, Count: count})
	if err != nil {
		return err
	}
	to := subject{kind: beatKind}.text(l.opts.Name)
	msg := sealed(to, body, 0)
	msg.Header.Set(writerHeader, l.instance)
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	ack, err := one.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	if err != nil {
		return classify(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pulse.acked = time.Now()
	if count%beatsKept == 0 {
		l.trims[to] = ack.Sequence
		l.wake()
	}
	return nil
}

// feel writes beats, and says whether the log is lost, until ctx ends.
func (l *Log) feel(ctx context.Context) {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	var tried time.Time
	wait := beatWait()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		l.mu.Lock()
		now, quiet := l.now, time.Since(l.pulse.live())
		l.mu.Unlock()
		if now.life == nil {
			continue // maintain opens the stream
		}
		var err error
		if quiet >= wait && time.Since(tried) >= wait {
			tried = time.Now()
			err = l.beat(ctx, now.life)
			wait = l.pace(beatWait())
		}
		l.judge(ctx, err)
		if l.Failure() != nil {
			continue
		}
		if err := l.flush(ctx); err != nil && ctx.Err() == nil { // of what failed once
			l.logger.Debug("events still cannot be stored", "error", err)
		}
	}
}

// beatWait returns after how long a silence a beat is due. It is random, so that of several
// processes one writes it.
func beatWait() time.Duration { return beatEvery*3/4 + rand.N(beatEvery/2) }

// pace returns how long to wait before something is tried again. While the log counts as lost that is
// less than usual.
func (l *Log) pace(usual time.Duration) time.Duration {
	if l.isLost() {
		return hurryLeast + rand.N(hurryMost-hurryLeast)
	}
	return usual
}

// isLost reports whether a log that is shared counts as lost.
func (l *Log) isLost() bool { return l.shared && l.Failure() != nil }

// judge says whether the log is lost. The error is that of a beat, if there was one.
func (l *Log) judge(ctx context.Context, err error) {
	l.mu.Lock()
	lost, was := time.Since(l.pulse.live()) > silence, l.failure
	l.mu.Unlock()
	switch {
	case errors.Is(err, hub.ErrLogFull), lost && was == nil:
		if err == nil {
			err = fmt.Errorf("%w: %w", hub.ErrLogUnavailable, errSilent)
		}
		l.lose(err)
	case was != nil && !lost && err == nil:
		l.find(ctx)
	}
}

// lose notes that the log is lost, until a beat that comes after this proves the contrary.
func (l *Log) lose(err error) {
	l.mu.Lock()
	was := l.failure
	l.pulse.proves = l.pulse.beats + 1
	l.pulse.heard, l.pulse.acked = time.Time{}, time.Time{}
	l.setFailureLocked(err)
	l.mu.Unlock()
	if was == nil {
		l.logger.Error("the log is lost, so clients keep what they have", "error", err)
	}
}

// find notes that the log is there again, when what has waited is stored.
func (l *Log) find(ctx context.Context) {
	for {
		if err := l.flush(ctx); err != nil {
			return
		}
		l.mu.Lock()
		done := len(l.held) == 0 // else another message has come meanwhile
		if done {
			l.setFailureLocked(nil)
		}
		l.mu.Unlock()
		if done {
			l.logger.Info("the log is there again")
			return
		}
	}
}

// setFailureLocked changes why nothing is stored. The caller holds Log.mu.
func (l *Log) setFailureLocked(failure error) {
	if l.failure == nil && failure == nil {
		return
	}
	l.failure = failure
	close(l.changed)
	l.changed = make(chan struct{})
}

// Watch calls tell with [Log.Failure], at once and whenever that has changed, until ctx ends.
func (l *Log) Watch(ctx context.Context, tell func(failure error)) {
	for {
		l.mu.Lock()
		failure, changed := l.failure, l.changed
		l.mu.Unlock()
		tell(failure)
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// Shared reports whether other processes write and read the log too.
func (l *Log) Shared() bool { return l.shared }
