// Package embedded runs a NATS server with JetStream inside the program, for one process
// and one directory. The program connects within the process, and no client can from
// outside. A server that is alone opens no port. One of a cluster opens that on which its
// nodes talk to each other, see Cluster and Guard.
//
// # The directory
//
// It has the store of JetStream (jetstream), a lock that keeps a second process out (lock),
// what is known of the last run (state.json), and, without a cluster, the newest sequence
// that was acknowledged (head). The last one is written with each acknowledgement and not
// forced to disk: it outlives the process, and shows after a SIGKILL that acknowledged
// events are missing.
//
// A store that is damaged is renamed to jetstream.damaged-TIME, and a new one begins. After
// the machine has stopped without a clean end, acknowledged events may be missing unless
// each was forced to disk: then a new epoch begins, and the documents stay.
//
// # In a cluster
//
// An event is acknowledged when it is on the disks of a majority. Each server has all
// events, so one that lacks some gets them from the others: no epoch begins because of it.
// JetStream does not notice each loss, so a server compares how many it has with the one that
// orders them. A damaged store is set aside, and filled again. Until then the server has
// forgotten what it has promised to the others, so a majority needs all the others meanwhile.
//
// A directory belongs to one node, and either to a cluster or to a server that is alone. A
// server whose disk was full starts again by itself.
//
// # Goroutines
//
// Start starts those of the server, and in a cluster one that looks after it. Close ends
// them. In a cluster it leaves a server behind that does not end in half of the time that
// there is. Nothing is written to a log file; what the server logs goes to the logger. What
// strangers can make it log is bounded.
package embedded
