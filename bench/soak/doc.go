// Package soak keeps many clients on one Pollux for a long time, while clients come
// and go, the upstream fails, the configuration is reloaded and the server is
// restarted, and accounts for every event.
//
// # Accounting
//
// Each client keeps an account. A document of the stream "events" has a number, one more than the
// one before, so a client notices a missing, a repeated and an old one by itself. The documents of
// the stream "polled" come from an upstream that fails, so nobody knows in advance which ones there
// will be. All clients of a process tell a witness which events they saw, and each stretch that a
// client has followed must have as many events as any client saw there. A gap is allowed only where
// a reset has announced it, and a reset is allowed only where the server has a new epoch. In the
// end, each client must have the last event of each stream.
//
// Beside these, readers that read nothing ask for a stream of large documents. The server has
// to close them.
//
// # Processes
//
// [Conduct] starts Pollux, the upstream, and processes with clients, because a process
// has a limit on descriptors. A process with clients is a [Service] at the end of a
// pipe. Conduct ends all of them before it returns.
package soak
