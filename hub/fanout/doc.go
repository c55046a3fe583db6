// Package fanout carries subscriptions of a hub to the sockets of clients, as
// text/event-stream (WHATWG HTML 9.2).
//
// An HTTP handler calls [Engine.Open], which subscribes and may refuse, sets the
// headers of the answer, and calls [Client.Serve], which writes until the stream
// ends.
//
// # What a client gets
//
// First a retry field, random between 2 and 5 s, so that no client comes back
// in step with another, and a comment. Then the replay of its subscription, then
// the events as they come. Whatever is ready goes out in one write and one
// flush. After 15 s ± 20 % of silence there is a heartbeat. A stream ends at a
// whole frame: after the number of documents asked for, at a random age of 48 to
// 60 minutes (by default), or when the engine drains.
//
// # Slow clients
//
// A client that the hub found slow is subscribed again after the last event that
// was written to it, and takes what it missed from history. One that does not
// take a write within the write timeout is closed. No client delays another.
//
// # Ownership
//
// Serve works in the goroutine that calls it, and is the only one to write to
// the connection. When it returns, the subscription is closed and nothing is
// left. Drain waits for all clients to be gone.
package fanout
