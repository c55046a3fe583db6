// Package peers is what nodes that share a log tell each other beside it, over plain messages
// of NATS: what somebody listens to there, and that a stream is to be polled now. Nothing of
// that is stored, and nothing that clients get depends on it but when it comes.
//
// # Demand
//
// Each node tells the others what its clients listen to of streams that another node polls,
// as changes with a number. Every few seconds it repeats the number. A node that has missed a
// change asks for everything, and gets it. A node that hears nothing from another one for a
// while forgets what that one wanted. A node may want at most [MaxNames] names; further names
// are ignored and counted.
//
// # Presence
//
// With each beat a node tells its name and how far it is behind the log. [Peers.Nodes] has
// what was heard.
//
// # Settings
//
// With its presence a node tells a digest of how its streams are configured. A node with
// another digest asks for all of it, once for each pair of digests: hashes, by stream and by
// key, never the values. What has been different for [SayAfter] is logged, once when it begins
// and once when it has ended, and is in [Peers.Differences]. Nothing else depends on it.
//
// # Polls
//
// A request for a poll goes to all nodes, and the one that polls the stream answers.
//
// # Goroutines
//
// New starts nothing. Run works in the goroutine of its caller until ctx ends, and calls the
// functions of its Options from there. Messages that wait for it are bounded: what is more is
// dropped, which the number shows.
package peers
