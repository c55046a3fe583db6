// Package nodes runs several Pollux that share their events on one machine, with clients at each of
// them, and accounts for every event at each client.
//
// The events are in one NATS server ([NATS]), or in a Pollux that the nodes follow ([Leaves]). Each
// node is a process, and so are the clients of each node, because a process has a limit on
// descriptors. A node has a port of its own. If all nodes shared one port, the kernel would divide
// the clients among them, and some process would get more clients than it may have.
//
// Everything is bounded in count and in time. [Conduct] ends what it has started before it returns.
package nodes
