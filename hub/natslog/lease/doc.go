// Package lease decides which of several nodes that share a log polls a stream. It makes one
// poller out of many, in a store of keys and values that can only compare and swap, such as
// a bucket of NATS JetStream ([Bucket]).
//
// # The lease of a stream
//
// Each stream has a record, which names the node that holds its lease. A node that changes
// the record names the revision that it replaces, so of several nodes that try, one succeeds.
// The holder renews the record every third of the TTL, and gives the lease up when it has
// not succeeded for two thirds of it. A node takes the lease when the record says that it is
// free, or when it has not seen the record change for a TTL.
//
// No clocks are compared: each node measures how long it has not seen a change, by its
// monotonic clock, and the holder measures from before it sent the renewal. So a holder has
// given up before another node can take the lease, unless its process was stopped, or its
// clock runs slower by a third. Safety does not rest on that: the log refuses what a node
// publishes that does not know the newest document, see hub.Message.Seen.
//
// # Who gets it
//
// Each node that is there has a record too, which it renews in the same way. For each stream, the
// nodes are ranked by a hash of both names. The first one takes a free lease at once, and each
// further node waits one grace longer than the node before it. If a node is first for a stream
// whose lease another node holds, it asks for the lease once it has been there for half a TTL, and
// the holder gives it up when nothing is under way. So the streams are divided evenly, and when a
// node comes or goes, only its share of them moves.
//
// # What is handed over
//
// The holder can save a text for the next one. It is stored with the next renewal, or when
// the lease is released, together with how old it is. A node ignores members of the records
// that it does not know.
//
// # Failure
//
// While the store cannot be reached nobody polls for longer than two thirds of a TTL. There is a
// random wait before each new attempt.
//
// A watch may stop reporting changes without an error. A node notices that within less than half of
// a TTL, because it stores its own record every third, and reads the store anew.
//
// # Goroutines
//
// New starts nothing. Run watches the store, guards the watch, and keeps the node's own record,
// in three goroutines, and returns when all have ended. Acquire starts one for the lease that it
// returns, and Release waits for it. One lock guards all that is known, and nothing waits
// while it is held.
package lease
