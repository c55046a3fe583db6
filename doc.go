// Package pollux is the assembled program as a library: it fetches documents on a
// schedule, or takes published ones, and streams every change to everyone who
// listens, as Server-Sent Events. It connects package poller, package hub, package
// hub/fanout and package handlers, which can also be used alone.
//
// [Serve] streams the result of one function. [New] and [Pollux.Run] do so for many
// streams, each with a [poller.Source] of its own or with documents that [Pollux.Publish]
// is given. The command in cmd/pollux adds flags, a configuration file and signals to
// this package.
//
// # Life
//
// New starts nothing and binds no address. Run binds the addresses of the options,
// starts its parts (hub, writers, poller, server, admin server, and one that looks
// after memory), each in a goroutine, and waits for all of them. It ends when its
// context does, or when a part fails. Then, in this order:
//
//  1. No new client is admitted, and GET /readyz answers 503. All other requests are
//     still answered.
//  2. The streams end, each at a random time within Options.Drain, after a whole event.
//     The poller and the hub continue meanwhile. A second after that, the streams that
//     are left are cut.
//  3. The servers end. A request that is under way has a second to complete.
//  4. The poller, the writers and the hub end together.
//
// SetStreams, Publish and Handler may be used before, during and after Run. Publish
// waits for Run.
//
// # In a server of your own
//
// [Pollux.Handler] has every route that Run serves: the dashboard, its files, the API.
// All links among them are relative, so the handler works under a prefix, given by
// [http.StripPrefix]:
//
//	mux.Handle("/live/", http.StripPrefix("/live", p.Handler()))
//
// Run has to be called as well. Without an address in the options, it listens nowhere.
// Let Run return before the Shutdown of the server: Run ends the streams, for which
// Shutdown would wait.
//
// The server may have neither WriteTimeout nor ReadTimeout, which would cut streams.
// Middleware around the handler may not compress or buffer what it writes, and its
// ResponseWriter must have a method Unwrap, see [http.ResponseController].
//
// A server that Run starts has these, and another server does not have them by itself:
//
//   - Connections that leave net/http. [Pollux.ConnContext], as ConnContext of the
//     server, tells the engine which connection a request came by. On Linux, plain
//     HTTP/1.1 connections of streams are then handed over, and cost a kilobyte each.
//     Without it, the goroutine of its handler writes each stream, which costs thirty
//     kilobytes. Clients get the same in both cases.
//   - A limit on connections that are not streams, Options.Engine.MaxConnections. The
//     limit on clients holds in any case.
//   - Sockets for which the kernel takes little ahead of the client. A listener of
//     fanout.ListenConfig has them.
//
// # The process
//
// New looks at how many descriptors the process may have, see [NewLimits], and at the
// limits of its memory. Run changes nothing that belongs to the whole process unless
// Options.TuneRuntime is set.
package pollux
