package hub

import "sync"

// Wants are changes in what the subscribers of other hubs that read the same log listen to:
// keys, and streams that are polled on demand.
type Wants struct {
	Want   []string `json:"want,omitempty"`   // somebody listens
	Unwant []string `json:"unwant,omitempty"` // nobody listens any more
	Touch  []string `json:"touch,omitempty"`  // somebody wants the newest document once
}

// IsEmpty reports whether nothing has changed.
func (w Wants) IsEmpty() bool { return len(w.Want)+len(w.Unwant)+len(w.Touch) == 0 }

// Want counts one subscriber more of a plain stream or a key, which it makes exist, until
// release is called: one of another hub that reads the same log. Errors: ErrUnknownStream,
// ErrUnknownKey, ErrTooManyKeys.
func (h *Hub) Want(name string) (release func(), err error) {
	s, err := h.enterName(streamName(name))
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { h.leave(s) }), nil
}
