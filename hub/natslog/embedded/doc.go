// Package embedded runs a NATS server with JetStream inside the program, for one process
// and one directory. It opens no port: the program connects within the process.
//
// # The directory
//
// It has the store of JetStream (jetstream), a lock that keeps a second process out (lock),
// what is known of the last run (state.json), and the newest sequence that was acknowledged
// (head). The last one is written with each acknowledgement and not forced to disk: it
// outlives the process, and shows after a SIGKILL that acknowledged events are missing.
//
// A store that is damaged is renamed to jetstream.damaged-TIME, and a new one begins. After
// the machine has stopped without a clean end, acknowledged events may be missing unless
// each was forced to disk: then a new epoch begins, and the documents stay.
//
// # Goroutines
//
// Start starts those of the server, and Close ends them. Nothing is written to a log file;
// what the server logs goes to the logger.
package embedded
