// Package nodes is a run of several Pollux on one machine that share their events, with clients at
// each of them, and accounts for every event at each client.
//
// The events are in one NATS server ([NATS]), or in a Pollux that the nodes follow ([Leaves]). Each
// node is a process, and so are the clients of each node, because a process has a limit on
// descriptors. A node has a port of its own: one port that all of them share would let the kernel
// divide the clients, and not each process could have as many as it may.
//
// Everything is bounded in count and in time. [Conduct] ends what it has started before it returns.
package nodes
