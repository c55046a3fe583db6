package lease

import (
	"encoding/json"
	"strings"
	"time"
)

// The kinds of records, which begin their keys.
const (
	leaseKind  = "lease."
	memberKind = "node."
	wishKind   = "wish."
)

// names has what is allowed in a name and has a meaning in a key.
var names = strings.NewReplacer("=", "=3D", ".", "=2E", "/", "=2F")

// keyOf returns the key of a record.
func keyOf(kind, name string) string { return kind + names.Replace(name) }

// record is the lease of a stream. Members that are not known are ignored.
type record struct {
	Stream string `json:"stream"`
	Holder string `json:"holder,omitempty"` // the session of the node that holds it; empty if it is free
	Node   string `json:"node,omitempty"`   // the name of that node, for people
	From   string `json:"from,omitempty"`   // the session that has released it
	Saved  []byte `json:"saved,omitempty"`
	Age    int64  `json:"age,omitempty"` // of Saved when the record was written, in milliseconds
}

// member is a node that is there. Members that are not known are ignored.
type member struct {
	Session string `json:"session"` // empty when it has left
	Node    string `json:"node,omitempty"`
}

// wish says that a node wants the lease of a stream that another one holds. It is void when
// the lease was released since: revisions count for all keys together.
type wish struct {
	Stream  string `json:"stream"`
	Session string `json:"session,omitempty"` // empty when nobody does any more
}

// text returns a record as it is stored.
func text(of any) []byte {
	body, err := json.Marshal(of)
	if err != nil {
		panic("lease: " + err.Error()) // records have nothing but texts and numbers
	}
	return body
}

// parse returns the record in a value, or the zero record if the value has none.
func parse[T any](body []byte) T {
	var read, none T
	if json.Unmarshal(body, &read) != nil {
		return none
	}
	return read
}

// view is what a node has seen of the lease of a stream.
type view struct {
	record
	revision uint64
	at       time.Time // when this revision was seen first
	freed    uint64    // the newest revision that said that the lease is free
	changed  chan struct{}
}

// age returns how old what was saved is.
func (v *view) age(now time.Time) time.Duration {
	return time.Duration(max(0, v.Age))*time.Millisecond + now.Sub(v.at)
}

// see notes a revision of the record, and tells those who wait for one.
func (v *view) see(one record, revision uint64, now time.Time) {
	if revision < v.revision { // the store was wiped
		v.freed = 0
	}
	v.record, v.revision, v.at = one, revision, now
	if one.Holder == "" {
		v.freed = revision
	}
	close(v.changed)
	v.changed = make(chan struct{})
}

// nodeAt returns the name of the node that holds the lease, or nothing if none does.
func (v *view) nodeAt(ttl time.Duration, now time.Time) string {
	if v.Holder == "" || !now.Before(v.free(ttl)) {
		return ""
	}
	return v.Node
}

// free returns from when on another node than the holder may take the lease.
func (v *view) free(ttl time.Duration) time.Time {
	if v.Holder == "" {
		return v.at
	}
	return v.at.Add(ttl)
}
