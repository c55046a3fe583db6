// Package poller asks upstreams for their documents on a schedule and publishes
// every change, and how fresh what was published is. See [Source] for what it
// asks, [New] and [Poller.Run] for how it is set going, [Poller.Set] for how
// that changes meanwhile, [Poller.PollNow] for a fetch between two ticks, and
// [Poller.Status] for what can be told of it.
//
// # Schedule
//
// Each stream is asked first when it begins plus its phase, then on a fixed
// grid: first + Every, first + 2*Every and so on, without drift. The phase is
// less than Every and less than Options.Spread, and given by the stream's name;
// so many streams stay apart for as long as they run, and without a Spread each
// is asked at once. There is never more than one fetch of a stream at once. A
// tick that finds the fetch before it still running is dropped and counted, not
// made up for. Each fetch has Timeout to end, which is shorter than Every.
//
// PollNow adds a fetch, Debounce after the call, and at least MinGap, or Every if that
// is less, after the one before began; a tick that
// would be closer than that behind it falls away. Otherwise the grid stays.
//
// # What the upstream wants
//
// An answer or an error can say how long the upstream wants not to be asked
// again, at most MaxWait. Nothing asks it before that is over: no tick, no
// PollNow, no listener. If the next tick would be earlier, the next fetch comes
// when the wait is over plus the phase, and begins a new grid. So the delay
// between two fetches is the longest of Every, the wait and, after failures, the
// backoff.
//
// # Failure
//
// No error ends a stream. A fetch that fails, takes too long, panics, or
// returns what is no JSON document, a Reshape or Same that does any of that, and
// a document that cannot be published, are failures of that attempt, and clients
// keep what they have. The first attempt after a failure comes Every later; from
// the second failure in a row on it comes at random between Every and an
// interval that grows by half each time, up to five minutes. One success ends
// that, and is the start of a new grid. An extra attempt, for PollNow or for a
// listener, does not wait for the backoff; if it fails as well, the next planned
// one stays where it is, but not closer than Every.
//
// # Order and delivery
//
//   - A document that tells nothing new gives no event. A body that is byte for
//     byte the one before it goes no further; else it is made compact and
//     reshaped, and compared with the newest document published, by Stream.Same
//     if it is not equal. Kept are that document and a hash of the body.
//   - A document is published before the version that came with it is sent back
//     to the upstream. When Publish fails, what clients have is unknown: the
//     next fetch asks without a version, and what it gives is published in any
//     case. So nothing is lost, and a document may come twice.
//   - On recovery the document comes first, then the status: nobody is told
//     "live" of an old document.
//
// # Freshness
//
// A stream is stale when two intervals have been missed, and down when five
// have. They are counted from when a fetch was due after the last success: Every
// after it, or when the wait that came with it was over. So without a wait a
// stream is stale 3*Every after its last success, and down 6*Every after. A wait
// that comes with a failure changes none of that. It is live again with the next
// success. Before its first success it counts as if the last had been when the
// first fetch was due, and is stale at the first failure. Status computes this
// from what happened and the time, so it is exact at any moment. Clients are
// told of each change by a message. An attempt under way delays that until it
// has ended, by Timeout for the fetch and once more for reshaping and for
// publishing at most, and a change that a success has overtaken meanwhile is not
// told. A message that cannot be published is tried again after the next
// attempt, or after Every. At the start clients are taken to know the stream as
// live, unless Stream.TellFirst says that they may not.
//
// # What the upstream says of its document
//
// A fetch is asked with the Version of the newest document, so that an upstream
// may say that nothing has changed, unless Stream.Unconditional. Whether that is
// true cannot be seen. So every Stream.Revalidate, and not sooner than in the
// hundredth fetch since the last one, a fetch is asked without, at its tick and
// in place of another. If it brings news although the upstream has said since that
// there was none, and the news has the version of the old document, the change
// was hidden: that is told once and counted, and no fetch is asked with a Version
// any more. If the news has another version, the change may have come just now;
// when that happens again, and no fetch with a Version has brought news between,
// it counts as hidden too. What was learned lasts as long as the loop, and
// so through a Set that leaves the stream alone.
//
// # What operators are told
//
// One line at level warn for each cause: when a series of failures begins, and when
// its class becomes another. It says what happened and when the next attempt is.
// One line at level info when it is over, with how long it lasted. Everything else
// is at level debug: repetitions, and the states that clients are told.
//
// # On demand
//
// A stream that is polled on demand is idle, that is without ticks, while nobody listens
// and the last listener has left for Linger, and from the start until somebody
// does. The first listener has it asked at once if the last fetch began Every
// ago or longer, else the grid goes on. An idle stream becomes stale as its
// document grows old, but not down, as nobody asked the upstream: for that it
// counts from the first fetch after. What was down stays down until a success.
// One that was never asked is live, and told so to nobody.
//
// # Change of the set
//
// Set stops, replaces and adds loops one stream at a time, each as soon as the
// one before it has ended, and leaves the others alone. A stream that changes
// keeps its counters, its state, and what clients have of it; the intervals that
// it misses count anew, and its upstream is believed anew.
//
// # Concurrency and shutdown
//
// New starts nothing. Run starts one goroutine a stream, and so does Set while
// it runs; Run returns when its context has ended and all of them have. That
// takes as long as a Source, Reshape, Same and the Publisher need to notice the
// end of their context. Everything of a stream belongs to its goroutine, but for
// the schedule and what Status reads, which have a lock of their own; nothing
// waits while it holds that lock, or the one on the set. One stream that is slow
// delays no other.
//
// The clock is package time, which testing/synctest replaces; randomness is an
// option.
package poller
