// Package embedded runs a NATS server with JetStream inside the program, for one process
// and one directory. The program connects within the process, and no client can connect
// from outside. A server that is alone opens no port. A server of a cluster opens the
// port on which the nodes talk to each other, see Cluster and Guard.
//
// # The directory
//
// The directory contains the store of JetStream (jetstream), a lock that keeps a second process out
// (lock), what is known of the last run (state.json), and, without a cluster, the newest sequence
// that was acknowledged (head). The file head is written with each acknowledgement, and not forced
// to disk. It outlives the process, and shows after a SIGKILL whether acknowledged events are
// missing.
//
// A store that is damaged is renamed to jetstream.damaged-TIME, and a new one begins. After
// the machine has stopped without a clean end, acknowledged events may be missing unless
// each was forced to disk: then a new epoch begins, and the documents stay.
//
// # In a cluster
//
// An event is acknowledged when it is on the disks of a majority. Each server has all events, so
// one that lacks some gets them from the others: no epoch begins because of it. JetStream does not
// notice each loss, so a server compares how many events it has with the server that orders them. A
// damaged store is set aside, and filled again. Until it is filled, the server has forgotten what
// it has promised to the others, so meanwhile a majority needs all the others.
//
// A directory belongs to one node, and either to a cluster or to a server that is alone. A
// server whose disk was full starts again by itself.
//
// # Goroutines
//
// Start starts those of the server, and in a cluster one that looks after it. Close ends them. A
// server of a cluster that has not ended after half of the time that Close has is left behind.
// Nothing is written to a log file: what the server logs goes to the logger. There is a bound on
// what strangers can make it log.
package embedded
