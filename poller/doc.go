// Package poller asks upstreams for their documents on a schedule. It publishes
// every change of a document, and how fresh the published document is. See [Source]
// for what it asks, [New] and [Poller.Run] for how to start it, [Poller.Set] for how
// to change the streams of a running poller, [Poller.PollNow] for a fetch between
// two ticks, and [Poller.Status] for what it knows of each stream.
//
// # Schedule
//
// The first fetch of a stream is due one phase after the stream begins. The next
// ones are on a fixed grid: first + Every, first + 2*Every and so on, without drift.
// The phase is computed from the stream's name. It is less than Every and less than
// Options.Spread, so many streams stay apart for as long as they run. Without a
// Spread each stream is asked at once. There is never more than one fetch of a
// stream at a time. A tick that finds the previous fetch still running is dropped
// and counted, and is not made up for. Each fetch has to end within Timeout, which
// is shorter than Every.
//
// PollNow adds a fetch, Debounce after the call, and at least MinGap, or Every if that
// is less, after the previous one began. A tick that would follow within that time is
// dropped. Otherwise the grid stays as it is.
//
// # How long the upstream wants not to be asked
//
// A reading or an error can say how long the upstream wants not to be asked again, at
// most Stream.MaxWait. So can the document itself, by Stream.TTL. Until that time is
// over, nothing asks the upstream: no tick, no PollNow, no client that begins to listen.
// If the next tick would be earlier, the next fetch is due when the wait is over plus the
// phase, and begins a new grid. So the delay between two fetches is the longest of Every,
// the wait and, after failures, the backoff.
//
// # Failure
//
// No error ends a stream. An attempt fails if the fetch fails, takes too long,
// panics, or returns anything but one JSON document. It also fails if Judge refuses the
// document, if Judge or Reshape fails, takes too long or panics, if Reshape returns
// anything but one JSON document, if Same panics, or if the document cannot be published. Clients keep the document that they have. The
// first attempt after a failure comes Every later. From the second failure in a row
// on, it comes at a random time between Every and an interval that grows by half with
// each failure, up to five minutes. One success ends the backoff, and starts a new
// grid. An extra attempt, for PollNow or for a client, does not wait for the backoff.
// If it fails as well, the next planned attempt stays where it is, but not closer
// than Every.
//
// # Order and delivery
//
//   - A document that says nothing new becomes no event. A body that is equal to the
//     previous one, byte for byte, is not looked at. Any other body is made compact
//     and reshaped, and compared with the newest published document: first their
//     bytes, then by Stream.Same. The poller keeps that document and a hash of the
//     body.
//   - The poller is the only place that makes a polled document compact: once after
//     the fetch, and once more after Reshape. That also checks that it is one JSON
//     document.
//   - A document is published before the version that came with it is sent back to
//     the upstream. When Publish fails, the poller does not know what clients have:
//     the next fetch asks without a version, and its document is published in any
//     case. So no document is lost, and one may come twice.
//   - On recovery the document comes first, then the status: no client is told
//     "live" while it has an old document.
//
// # Freshness
//
// A stream is stale when two intervals have been missed, and down when five have.
// They are counted from the time at which a fetch was due after the last success:
// Every after it, or when the wait that came with it was over. So without a wait a
// stream is stale 3*Every after its last success, and down 6*Every after it. A wait
// that comes with a failure changes none of that. The stream is live again with the
// next success. A stream without a success counts as if the last one had been when
// its first fetch was due, and is stale at the first failure.
//
// Status computes the state from what happened and the time, so it is exact at any
// moment. Clients are told each change of state by a message. An attempt in progress
// delays that message until the attempt has ended: by Timeout for the fetch, once
// more for reshaping and once more for publishing at most. A change that a success
// has overtaken meanwhile is not told. A message that cannot be published is tried
// again after the next attempt, or after Every. At the start clients are assumed to
// know the stream as live, unless Stream.TellFirst is set.
//
// # Whether to believe "unchanged"
//
// A fetch sends the Version of the newest document, so that the upstream can answer
// that nothing has changed, unless Stream.Unconditional is set. The answer itself
// does not show whether that is true. So every Stream.Revalidate, but not before the
// hundredth fetch since the last time, a tick fetches without a Version. Suppose that
// this fetch returns a changed document, although the upstream has answered
// "unchanged" since the document before it. If both documents have the same version,
// the upstream hid the change. That is logged once and counted, and no later fetch
// sends a Version. If the versions differ, the change may have come just now. But if
// a later fetch without a Version finds another such change, and no fetch with a
// Version has found a change in between, this one counts as hidden too. The loop
// remembers this as long as it runs, and so through a Set that keeps the stream.
//
// # The log
//
// Each cause is logged once at level warn: when a series of failures begins, and when its
// class changes. The line says what happened and when the next attempt is due. The end of
// the series is logged at level info, with how long it lasted. The first of several waits
// in a row that are longer than Every is logged at level info too, with what the upstream
// said. Everything else is logged at level debug: repeated failures, and the states that
// clients are told.
//
// # On demand
//
// A stream with OnDemand is idle, which means that it has no ticks, while no client
// listens and the last one has been gone for Linger, and from the start until the first
// client comes. When a client comes, an idle stream is asked at once if its last fetch
// began Every ago or longer. Otherwise the grid goes on. An idle stream becomes stale as
// its document grows old. It does not become down, because nobody asked the upstream: the
// missed intervals for that are counted from the first fetch afterwards. A stream that
// was down stays down until a success. A stream whose upstream was never asked is live,
// and clients are not told so.
//
// For each fetch the poller counts the requests that clients did not have to send
// themselves: the number of clients less one.
//
// # Keys
//
// A stream with Keys is asked for the keys that the hub says exist: those that clients
// listen to, and for some time after the last one has left. A key that comes is asked for
// at once; where one request asks for several keys, it waits 10 ms for others that come.
// With its first answer the key gets a place in the interval where there is room, at the
// latest an interval after that request, and is asked for at this place from then on. So
// the requests of a stream are spread over the interval. A key with an answer and a
// listener is asked for within an interval of the last time, whatever other keys come, go
// or fail; where requests of the same moment wait for one another, a slot is added to
// that. A slot is the interval divided by the number of requests that it takes to ask for
// each key once. There is never more than one request for a key at a time, and never more
// than Parallel for a stream. A key that nobody has ever listened to is asked for once,
// and again by Refresh.
//
// If Parallel or the upstream does not allow that many requests, the interval becomes
// longer for all keys alike: the key that has waited longest is asked for first. Of four
// requests, at most three are for keys that are asked for the first time. An interval in
// which a key was not asked for is dropped and counted. A key that waits because of that
// is stale when two intervals have been missed, with the class "rate_limited", but does
// not become down. If the upstream refuses a request with the class "http_429", that
// could have happened to any key. So the keys of the request have not failed, and are
// asked for again first, at most three times until they have an answer.
//
// If a request fails, each of its keys has failed once, and has a backoff of its own. A
// key that has had no answer yet, or failed the last time, is never in one request with a
// key that was answered. Requests for such keys, and for keys that nobody listens to, use
// at most half of Parallel. Half of that is only for first requests with a listener. The
// others come last, but while they wait, at least one of eight requests is theirs. So
// keys that fail, and a caller that asks for many keys, delay no key that has an answer
// and a listener, and no first listener.
//
// Freshness, comparison of documents, Judge, Reshape, Same, trust in "unchanged" and
// order hold for a key as for a stream. The changed documents of one request are
// published together. If the upstream does not have a key, because it answers 404 or 410
// to a request for this key alone, or because Split finds no part for it, the key is down
// at once, and clients keep the document that they have. After 404 or 410 it is asked for
// again after Keys.Absent, even if it ends and comes back meanwhile; 10,000 such answers
// are remembered. That is not an outage: the log has it at level warn only as long as no
// key has had an answer. For other failures the log has a line when the first key fails
// with a class, and one when no key fails any more, each at most once a minute.
//
// If an answer says how long the upstream wants not to be asked, that holds for all keys
// of all streams that have the same Stream.Upstream. Nothing is asked in that time.
// Afterwards requests follow one another at that distance, until an answer to one of them
// names no wait. So what is left of a limit counts for all keys together. After
// "http_429", which without a time means MinGap, requests follow one another no faster
// than the upstream has answered since the last one, and then faster by a five-hundredth
// with each answer.
//
// Status reports on all keys of a stream together, and StatusOf also on a single key. The
// state of the stream is that of its requests: it is live as long as any of them
// succeeds.
//
// # Upstreams that send their documents
//
// A stream with a [Feed] does not ask its upstream: it has one connection at a time, and
// handles the events of that connection in order. While the document of one event is
// judged, reshaped and published, the next event is read, but no more than that one: an
// upstream that is faster has to wait. A document that cannot be published is tried again
// each second before anything else. A document that can never be published is left out,
// and so is an event that is not valid. Each of these counts as a failure. So no document
// is lost, but one may come twice. Freshness, comparison of documents, Judge, Reshape,
// Same and order hold as for a stream that is asked.
//
// Whatever comes from the upstream counts as a success for freshness. When nothing has
// come for 3*Every, the connection is closed, and that is a failure. While nothing is
// read because an event is being handled, that time does not count as silence. The stream
// is no fresher than the upstream itself says by News.Status, until it says something
// else or tells of a gap.
//
// When a connection has ended, the next one is opened with the ID of the newest event
// that was handled. Before that, the stream waits for the time that the upstream has
// asked for (1 s at least, MaxWait at most, and DefaultReconnect if it has said nothing),
// and for up to half of that longer, at random. The time grows by half with each
// connection in a row that was refused, or that has brought no event within that time, up
// to five minutes. After an event that is larger than is accepted, the next connection
// has no ID: the upstream would send the same event again. The wait of an upstream, and
// PollNow, apply to the next connection. PollNow ends an open one. On demand, there is a
// connection while a client listens and for Linger after that, and for Linger after
// PollNow. When the stream ends, a document that is being published has another second.
//
// Set ends the connection of a stream that it changes before the new one is opened, which
// has the ID if Feed.Origin is the same. Of several nodes, the holder of the lease has
// the connection, and hands the ID over. If it ends without handing it over, up to a
// second of events, or the events since the lease was last renewed, come again.
//
// In Status, each connection counts as a poll, and each event with a document as a success or
// a failure.
//
// # Changing the set of streams
//
// Set stops, replaces and adds loops one stream at a time, each as soon as its
// predecessor has ended, and leaves the other streams alone. A stream that changes
// keeps its counters, its state, and the knowledge of what clients have. Its missed
// intervals are counted anew, and its upstream is believed anew. A source that is no
// longer used is closed, if it is an io.Closer.
//
// # Several nodes
//
// With a Lease, several nodes that publish to one log have one poller: a stream is asked
// by the node that holds its lease, and the others observe. The keys of a stream are
// divided into at most 16 groups, and no more than Keys.Parallel, by a hash of their
// names. Each group has a lease. A node with some of the groups has as large a share of
// Keys.Parallel, and of the pace that an upstream asks for. A node that takes a lease
// continues where the last one has stopped: with the same grid, backoff, wait, missed
// intervals and version of the document. It compares with the document that clients have.
// A tick that is over by then is due at once, but for the phase. All keys that have a
// document are asked for within an interval, spread over it, and not before the
// upstream's wait is over.
//
// Safety does not rest on the lease. What a node publishes says up to where it knew the
// timeline when the attempt began, and the log refuses it if the stream has something
// newer. Then the node steps down: it gives up the lease, and forgets what clients have.
// At the next attempt it notices a document that another node has published to the
// stream. When the lease is lost during a fetch, the context of the fetch ends, and its
// result is not used. The result of a request for keys of several groups is used for the
// groups whose lease the node still holds. When another node should have the lease, an
// attempt in progress ends first.
//
// For a stream that another node polls, Status returns the state from the timeline, and
// what that node has saved with its lease. The counters are only those of this node.
//
// # Concurrency and shutdown
//
// New starts nothing. Run starts one goroutine for each stream, and so does Set during
// Run. The goroutine of a stream with Keys starts one goroutine for each request, at most
// Keys.Parallel, one to publish states, and with a Lease one for each group of keys,
// which waits for its lease. It waits for all of them before it ends. Run returns when
// its context has ended and all of these goroutines have. That takes as long as a Source,
// Judge, Split, Reshape, Same and the Publisher need to notice the end of their context;
// with a Lease, up to a second longer, while the lease is released. The goroutine of a
// stream without keys waits for the lease of that stream itself. The state of a stream
// belongs to its goroutine, except for the schedule and the data that Status reads, which
// have a lock of their own. Nothing waits while it holds that lock, or the one on the
// set. A slow stream delays no other stream.
//
// The clock is package time, which testing/synctest replaces. Randomness is an
// option.
package poller
