package hub

import "sync/atomic"

// Replay says what a subscriber gets of the documents that it missed, because it was
// away or because it is slow.
type Replay uint8

// The values of Replay.
const (
	// ReplayDefault is the value of the stream, and for a stream ReplayAll.
	ReplayDefault Replay = iota

	// ReplayAll is every document, as long as it is kept.
	ReplayAll

	// ReplayAuto is every document if they are few and small, see StreamOptions, and
	// otherwise the newest one.
	ReplayAuto

	// ReplayLatest is the newest document.
	ReplayLatest
)

var replays = [...]string{ReplayDefault: "", ReplayAll: "all", ReplayAuto: "auto", ReplayLatest: "latest"}

// String returns the word for r, which is empty for ReplayDefault.
func (r Replay) String() string {
	if int(r) < len(replays) {
		return replays[r]
	}
	return "invalid"
}

// ParseReplay is the inverse of String.
func ParseReplay(text string) (Replay, bool) {
	for r, word := range replays {
		if word == text {
			return Replay(r), true
		}
	}
	return 0, false
}

// Defaults of StreamOptions, for ReplayAuto.
const (
	DefaultReplayEvents = 16
	DefaultReplayBytes  = 64 << 10
)

// rules are what a stream says about missed documents. The keys of a stream share those
// of the stream.
type rules struct {
	policy  policy // guarded by Hub.mu
	skipped atomic.Uint64
}

// policy says when only the newest of the missed documents is replayed.
type policy struct {
	replay Replay // never ReplayDefault
	events int
	bytes  int
}

func newPolicy(o StreamOptions) policy {
	p := policy{replay: ReplayAll, events: DefaultReplayEvents, bytes: DefaultReplayBytes}
	if o.Replay != ReplayDefault {
		p.replay = o.Replay
	}
	if o.ReplayEvents != 0 {
		p.events = o.ReplayEvents
	}
	if o.ReplayBytes != 0 {
		p.bytes = o.ReplayBytes
	}
	return p
}

// asked returns the policy for a subscriber that asks for r.
func (p policy) asked(r Replay) policy {
	if r != ReplayDefault {
		p.replay = r
	}
	return p
}

// skips reports whether only the newest of the missed documents is replayed.
func (p policy) skips(missed []*Event) bool {
	switch {
	case len(missed) < 2 || p.replay == ReplayAll:
		return false
	case p.replay == ReplayLatest || len(missed) > p.events:
		return true
	}
	size := 0
	for _, e := range missed {
		size += len(e.data)
	}
	return size > p.bytes
}
