// Package peers exchanges what nodes that share a log tell each other beside it, over plain
// messages of NATS: what their clients listen to, and that a stream is to be polled now. None of
// this is stored. It affects only when clients get something, not what they get.
//
// # Demand
//
// Each node tells the others what its clients listen to of streams that another node polls, as
// changes with a number. Every few seconds it repeats the number. A node that has missed a change
// asks for everything, and gets it. A node that hears nothing from another node for a while forgets
// what that node wanted. A node may want at most [MaxNames] names; further names are ignored and
// counted.
//
// # Presence
//
// With each beat a node tells its name and how far it is behind the log. [Peers.Nodes] returns what
// was heard.
//
// # Settings
//
// With its presence a node tells a digest of how its streams are configured. A node with another
// digest asks for the details, once for each pair of digests. These are hashes, by stream and by
// key, never the values. A difference that has lasted for [SayAfter] is logged, once when it is
// found and once when it has ended, and is in [Peers.Differences]. Nothing else depends on it.
//
// # Polls
//
// A request for a poll goes to all nodes, and the one that polls the stream answers.
//
// # Goroutines
//
// New starts nothing. Run works in the goroutine of its caller until ctx ends, and calls the
// functions of its Options from there. The number of messages that wait for it is bounded. Further
// messages are dropped, which the numbers in later messages show.
package peers
