package peers

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// MaxNames bounds what one node can want.
const MaxNames = 100_000

// namesAtOnce is how many names one message has at most.
const namesAtOnce = 500

// split divides a change into parts for one message each.
func split(c hub.Wants) (parts []hub.Wants) {
	for some := range slices.Chunk(c.Want, namesAtOnce) {
		parts = append(parts, hub.Wants{Want: some})
	}
	for some := range slices.Chunk(c.Unwant, namesAtOnce) {
		parts = append(parts, hub.Wants{Unwant: some})
	}
	for some := range slices.Chunk(c.Touch, namesAtOnce) {
		parts = append(parts, hub.Wants{Touch: some})
	}
	return parts
}

// told is a message of a node about its demand. Members that are not known are ignored.
type told struct {
	Session string `json:"session"`
	Number  uint64 `json:"number"`        // of the changes so far, with this one
	All     bool   `json:"all,omitempty"` // Want is a part of everything that is wanted, which ends with Last
	Last    bool   `json:"last,omitempty"`
	hub.Wants
}

// again asks a node for everything that it wants.
type again struct {
	Session string `json:"session"`
}

// poll asks for a poll.
type poll struct {
	Stream string `json:"stream"`
}

// polled is the answer.
type polled struct {
	InMS int64 `json:"inMs"` // when the poll is due: clocks may differ
}

// at returns when that is by the clock of this node.
func (p polled) at(now time.Time) time.Time { return now.Add(time.Duration(p.InMS) * time.Millisecond) }

func encode(of any) []byte {
	body, err := json.Marshal(of)
	if err != nil {
		panic("peers: " + err.Error()) // messages have nothing but texts and numbers
	}
	return body
}

func decode[T any](body []byte) (T, bool) {
	var read T
	err := json.Unmarshal(body, &read)
	return read, err == nil
}

// valid returns the names in a list that can be those of streams or keys.
func valid(list []string) []string {
	return slices.DeleteFunc(list, func(name string) bool { return hub.CheckName(name) != nil })
}
