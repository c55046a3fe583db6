// Package metrics exports the counters of all packages to Prometheus. It is the only
// package that imports Prometheus.
//
// It counts nothing itself: each scrape reads the Stats of the packages, so hot paths
// pay for atomic counters only. [New] and [Register] start no goroutine.
package metrics

import (
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/followlog"
)

// Options are the sources of the metrics. Hub and Engine are required.
type Options struct {
	Hub       *hub.Hub
	Engine    *fanout.Engine
	Upstreams func() []hub.Upstream // nil: no stream is polled
	Version   string

	LogDropped func() uint64 // nil: no record is dropped

	// Conflated returns the number of documents that a newer one replaced before they
	// were published, by stream. Nil means none.
	Conflated func() map[string]uint64

	// Follow returns what is known of the origins of a leaf. Nil means that the process is not a leaf.
	Follow func() followlog.Stats

	// Log returns what is known of a log that outlives the process. Nil means that it is in memory.
	Log func() hub.LogStats

	// Leases returns what is known of the leases by which one of several nodes polls a
	// stream. Nil means that this Pollux shares its events with no other node.
	Leases func() Leases

	// CertificateEnds returns when the TLS certificate in force ends. It is zero without TLS.
	// Nil means none.
	CertificateEnds func() time.Time

	// IssuerFetches returns how many times the keys of an issuer of tokens were fetched, and
	// not. Nil means that none are fetched.
	IssuerFetches func() (ok, failed uint64)

	// Refusals returns the number of refused clients by reason. AuthFailures returns
	// the number of callers without the right credential by its kind. Nil means
	// none.
	Refusals     func() map[string]uint64
	AuthFailures func() map[string]uint64
}

// Leases are what a node has counted, and what it holds now.
type Leases struct {
	Held     int    // leases that this node holds
	Nodes    int    // nodes that are there
	Taken    uint64 // leases that this node got
	Released uint64 // leases that it gave up
	Lost     uint64 // leases that it lost, because it could not renew them or another node took them
	Failures uint64 // attempts to change the store that failed
	Differ   int    // streams that another node has configured in another way
}

// Registerer is that of Prometheus, for packages that do not import Prometheus.
type Registerer = prometheus.Registerer

// New returns the handler for GET /metrics, which also exports the metrics of the Go
// runtime and of the process.
func New(opts Options) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		newCollector(opts),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// Register adds the metrics of Pollux to those of r, until unregister is called.
func Register(r Registerer, opts Options) (unregister func(), err error) {
	c := newCollector(opts)
	if err := r.Register(c); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return func() { r.Unregister(c) }, nil
}

// collector makes metrics of the Stats at each scrape.
type collector struct{ Options }

func newCollector(opts Options) *collector {
	if opts.Upstreams == nil {
		opts.Upstreams = func() []hub.Upstream { return nil }
	}
	if opts.LogDropped == nil {
		opts.LogDropped = func() uint64 { return 0 }
	}
	if opts.CertificateEnds == nil {
		opts.CertificateEnds = func() time.Time { return time.Time{} }
	}
	for _, counts := range []*func() map[string]uint64{&opts.Refusals, &opts.AuthFailures, &opts.Conflated} {
		if *counts == nil {
			*counts = func() map[string]uint64 { return nil }
		}
	}
	return &collector{opts}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pollux_"+name, help, labels, nil)
}

var (
	clients        = describe("clients", "Clients with an open stream, and requests that wait at /api/latest.")
	published      = describe("events_published_total", "Documents that were published.")
	deliveries     = describe("deliveries_total", "Events that were written to streams: documents, deltas, statuses and resets.")
	bytesSent      = describe("bytes_sent_total", "Bytes that were written to streams, with HTTP headers and chunks on connections that have left net/http.")
	disconnects    = describe("disconnects_total", "Event streams that ended, by reason.", "reason")
	resumes        = describe("resumes_total", "Clients that connected with a Last-Event-ID: ok if the stream resumed there, or the reason of the reset.", "result")
	resets         = describe("resets_total", "Resets that were written to streams, by reason: evicted, epoch, ahead or invalid if the client lacks documents, skipped if only the newest one follows.", "reason")
	certificateEnd = describe("certificate_remaining_seconds", "Time until the TLS certificate in force ends, of several the first one.")
	skipped        = describe("skipped_total", "Documents that were left out for a client, because a newer one of the same stream followed.", "stream")
	conflated      = describe("conflated_total", "Published documents that a newer one replaced before they were streamed.", "stream")
	losses         = describe("losses_total", "Slow clients that missed events, because the history no longer had them or the log had lost them.")
	resubscribed   = describe("resubscriptions_total", "Slow clients that continued from the history.")
	refused        = describe("refusals_total", "Callers that were refused, by reason: too many clients, views or keys in all; too many clients, new streams or views of one address; too many documents published with one token, or tickets; too much memory for documents that are published or read slowly; a foreign origin or host; a page at the address for operators; a proxy without a PROXY header; a token that does not allow it; or a shutdown.", "reason")
	authFailures   = describe("auth_failures_total", "Callers that were refused because their token or signature was missing or wrong.", "kind")
	connections    = describe("connections", "Connections that do not belong to a client.")
	pushedOut      = describe("connections_refused_total", "Connections that were closed at the limit of connections: full is a new one, idle, silent and slow are old ones that made room, and handshake is one that had begun a TLS handshake and sent no request, at the limit of these or of all.", "reason")
	connectionsBy  = describe("connections_by_state", "The same connections: idle ones between two requests, silent ones before their first request, those in a TLS handshake or between it and the first request, and busy ones with a request.", "state")
	writeDelay     = describe("publish_to_write_seconds", "Time from the storing of an event until it was written to a client that had taken everything before it.")
	acceptErrors   = describe("accept_errors_total", "Connections that the system could not accept.")
	historyEvents  = describe("history_events", "Events in the history, from which clients resume.", "stream")
	historyBytes   = describe("history_bytes", "Size of the history in bytes.", "stream")
	keysNow        = describe("keys", "Keys of a stream with keys that exist now.", "stream")
	keysWatched    = describe("keys_watched", "Keys that clients listen to.", "stream")
	keysEnded      = describe("keys_ended_total", "Keys that ended: idle because nobody listened any more, room because others needed their place.", "stream", "reason")
	pollRequests   = describe("poll_requests_total", "Polls of the upstream, by result: ok, unchanged, or the class of the failure.", "stream", "result")
	pollDuration   = describe("poll_duration_seconds", "Duration of the polls of the upstream.", "stream")
	pollDropped    = describe("poll_dropped_ticks_total", "Polls that were left out because the one before took longer than the interval.", "stream")
	pollLate       = describe("poll_late_ticks_total", "Polls that began more than 100 ms late, because the process was stopped or had too much to do.", "stream")
	pollHidden     = describe("poll_hidden_changes_total", "Changed documents for which the upstream answered 304.", "stream")
	streamAge      = describe("stream_age_seconds", "Time since the last successful poll of the upstream.", "stream")
	pollRetries    = describe("poll_retries_total", "Requests that were repeated because a reused connection was lost.", "stream")
	pollRefused    = describe("poll_refused_addresses_total", "Connections to the upstream that were refused because of their address.", "stream")
	views          = describe("views", "Distinct combinations of fields that clients use.")
	formBytes      = describe("form_bytes", "Size of the encoded forms that clients share, in bytes.")
	htmlFailures   = describe("html_failures_total", "Times that a template did not fit a document, a status or a reset, so that clients with format=html kept what they had.")
	heldBytes      = describe("held_bytes", "Size of what clients that read slowly hold in memory, in bytes.")
	heldWaits      = describe("held_waits_total", "Times that a client waited because clients that read slowly held too much.")
	issuerFetches  = describe("issuer_fetches_total", "Fetches of the keys by which the issuer of tokens signs, by result: ok or failed.", "result")
	logDropped     = describe("log_dropped_total", "Log records that were dropped because standard error did not accept them.")
	followed       = describe("follow_connected", "Whether the leaf reads from this origin. Of several it reads from one.", "origin")
	followConnects = describe("follow_connections_total", "Connections of the leaf to an origin that began.")
	followSkipped  = describe("follow_skipped_lines_total", "Lines of an origin that the leaf could not read, or whose document is larger than max_document.")
	followLag      = describe("follow_lag", "How many positions of the timeline the origin had given out, with its last heartbeat, that the leaf had not read.")
	storeWorking   = describe("store_working", "Whether events are stored now. If not, what is polled goes on in memory, and publishers are refused.")
	storeFailures  = describe("store_failures_total", "Times that the store began to fail.")
	storeLag       = describe("store_lag", "Positions of the timeline that were given out and that this process has not read yet.")
	storeMessages  = describe("store_messages", "Messages in the store: documents, statuses and a few of its own.")
	storeBytes     = describe("store_bytes", "Size of the messages in the store, in bytes.")
	storeAppends   = describe("store_append_seconds", "Time that it took to store an event.")
	storeRefused   = describe("store_refused_total", "Events that were not stored and not streamed, by reason: full, unavailable, too_large, or canceled by the publisher.", "reason")
	storeRemember  = describe("store_remembered_total", "Events that were streamed although they were not stored.")
	storeConflicts = describe("store_conflicts_total", "Attempts to store an event that another process had overtaken.")
	storeOutdated  = describe("store_superseded_total", "Events that were not stored because another process had stored a newer one.")
	storeMissing   = describe("store_missing_total", "Times that the store had lost documents of a stream. Old ones that were removed do not count.")
	storeSkipped   = describe("store_skipped_total", "Messages in the store that were left out, by reason: foreign ones are not of Pollux, broken ones are damaged.", "reason")
	storeRebuilds  = describe("store_rebuilds_total", "Times that reading the store had to begin again.")
	storeEpochs    = describe("store_epochs_total", "Epochs that were begun, in the store and in memory.")
	storeTrims     = describe("store_trims_total", "Requests to the store to remove old events.")
	nodes          = describe("nodes", "Nodes that share the events, with this one, as this one sees them.")
	leases         = describe("leases", "Leases of streams, and of groups of keys, that this node holds: it polls them.")
	leasesTaken    = describe("leases_taken_total", "Leases that this node got.")
	leasesReleased = describe("leases_released_total", "Leases that this node gave up by itself.")
	leasesLost     = describe("leases_lost_total", "Leases that this node lost, because it could not renew them in time or another node took them.")
	leaseFailures  = describe("lease_failures_total", "Attempts to renew or to take a lease that failed.")
	settingsDiffer = describe("settings_differ", "Streams that another node has configured in another way, for a minute or longer.")
	stepDowns      = describe("step_downs_total", "Times that this node stopped polling a stream because another one had published to it.", "stream")
	buildInfo      = describe("build_info", "Build of the program, as labels. The value is always 1.", "version", "goversion")
	allDescriptors = []*prometheus.Desc{
		resets, certificateEnd, pollHidden, pollDropped, pollLate, connectionsBy, writeDelay,
		clients, published, deliveries, bytesSent, disconnects, resumes, losses, resubscribed, refused, authFailures, issuerFetches, connections, pushedOut, acceptErrors,
		skipped, conflated, keysNow, keysWatched, keysEnded, historyEvents, historyBytes, pollRequests, pollDuration, streamAge, pollRetries, pollRefused,
		views, formBytes, htmlFailures, heldBytes, heldWaits, logDropped, buildInfo,
		followed, followConnects, followSkipped, followLag,
		storeWorking, storeFailures, storeLag, storeMessages, storeBytes, storeAppends, storeRefused, storeRemember, storeConflicts, storeOutdated,
		storeMissing, storeSkipped, storeRebuilds, storeEpochs, storeTrims,
		nodes, leases, leasesTaken, leasesReleased, leasesLost, leaseFailures, settingsDiffer, stepDowns,
	}
)

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range allDescriptors {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	gauge, counter := gaugeOf(out), counterOf(out)
	histogram := func(d *prometheus.Desc, bounds []time.Duration, counts []uint64, sum time.Duration, labels ...string) {
		buckets, count := make(map[float64]uint64, len(bounds)), uint64(0)
		for i, n := range counts {
			if count += n; i < len(bounds) {
				buckets[bounds[i].Seconds()] = count
			}
		}
		out <- prometheus.MustNewConstHistogram(d, count, sum.Seconds(), buckets, labels...)
	}

	engine := c.Engine.Stats()
	gauge(clients, float64(engine.Clients))
	gauge(views, float64(engine.Views))
	gauge(formBytes, float64(engine.FormBytes))
	gauge(heldBytes, float64(engine.HeldBytes))
	counter(heldWaits, engine.HeldWaits)
	counter(htmlFailures, engine.HTMLFailures)
	counter(deliveries, engine.Deliveries)
	counter(bytesSent, engine.Bytes)
	counter(resubscribed, engine.Resubscribed)
	gauge(connections, float64(engine.Connections))
	for state, n := range engine.ConnectionStates {
		gauge(connectionsBy, float64(n), state)
	}
	histogram(writeDelay, fanout.DelayBounds[:], engine.Delays[:], engine.DelaySum)
	counter(acceptErrors, engine.AcceptErrors)
	for reason, n := range engine.ConnectionsClosed {
		counter(pushedOut, n, string(reason))
	}
	for reason, n := range engine.Ended {
		counter(disconnects, n, string(reason))
	}

	for reason, n := range engine.Resets {
		counter(resets, n, string(reason))
	}
	if c.IssuerFetches != nil {
		ok, failed := c.IssuerFetches()
		counter(issuerFetches, ok, "ok")
		counter(issuerFetches, failed, "failed")
	}
	if ends := c.CertificateEnds(); !ends.IsZero() {
		gauge(certificateEnd, time.Until(ends).Seconds())
	}

	stats := c.Hub.Stats()
	counter(published, stats.Published)
	for reason, n := range c.Refusals() {
		counter(refused, n, reason)
	}
	for kind, n := range c.AuthFailures() {
		counter(authFailures, n, kind)
	}
	counter(resumes, stats.Resumed, "ok")
	for reason, n := range stats.Resets {
		counter(resumes, n, string(reason))
	}
	counter(losses, stats.Losses)
	for stream, n := range c.Conflated() {
		counter(conflated, n, stream)
	}
	for _, s := range stats.Streams {
		counter(skipped, s.Skipped, s.Name)
		gauge(historyEvents, float64(s.HistoryLen), s.Name)
		gauge(historyBytes, float64(s.HistoryBytes), s.Name)
	}

	for _, s := range c.Hub.KeyStreams() {
		if s, err := c.Hub.StreamStats(s.Name); err == nil {
			gauge(keysNow, float64(s.Keys), s.Name)
			gauge(keysWatched, float64(s.Watched), s.Name)
			counter(keysEnded, s.EndedIdle, s.Name, "idle")
			counter(keysEnded, s.EndedRoom, s.Name, "room")
		}
	}

	for _, u := range c.Upstreams() {
		counter(pollRequests, u.Successes-u.Unchanged, u.Name, "ok")
		counter(pollRequests, u.Unchanged, u.Name, "unchanged")
		for class, n := range u.Failures {
			counter(pollRequests, n, u.Name, class)
		}
		histogram(pollDuration, hub.PollBounds[:], u.Durations[:], u.TotalDuration, u.Name)
		counter(pollDropped, u.Dropped, u.Name)
		counter(pollLate, u.Late, u.Name)
		counter(pollHidden, u.Hidden, u.Name)
		counter(pollRetries, u.Retries, u.Name)
		counter(pollRefused, u.Refused, u.Name)
		if u.Leased {
			counter(stepDowns, u.StepDowns, u.Name)
		}
		if !u.LastSuccess.IsZero() {
			gauge(streamAge, max(time.Since(u.LastSuccess), 0).Seconds(), u.Name)
		}
	}
	if c.Follow != nil {
		leaf := c.Follow()
		for i, origin := range leaf.Origins {
			connected := 0.0
			if i == leaf.Connected {
				connected = 1
			}
			gauge(followed, connected, origin)
		}
		counter(followConnects, leaf.Connects)
		counter(followSkipped, leaf.Broken)
		gauge(followLag, float64(leaf.Behind))
	}
	if c.Log != nil {
		collectStore(c.Log(), out)
	}
	if c.Leases != nil {
		l := c.Leases()
		gauge(nodes, float64(l.Nodes))
		gauge(leases, float64(l.Held))
		counter(leasesTaken, l.Taken)
		counter(leasesReleased, l.Released)
		counter(leasesLost, l.Lost)
		counter(leaseFailures, l.Failures)
		gauge(settingsDiffer, float64(l.Differ))
	}
	counter(logDropped, c.LogDropped())
	gauge(buildInfo, 1, c.Version, runtime.Version())
}

// gaugeOf returns what sends gauges.
func gaugeOf(out chan<- prometheus.Metric) func(d *prometheus.Desc, value float64, labels ...string) {
	return func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
}

// counterOf returns what sends counters.
func counterOf(out chan<- prometheus.Metric) func(d *prometheus.Desc, value uint64, labels ...string) {
	return func(d *prometheus.Desc, value uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
}
