// Package metrics shows the counters of all parts to Prometheus. It is the only
// package that knows Prometheus.
//
// It counts nothing itself: each scrape reads the Stats of the parts, so that the
// hot paths pay for their atomic counters and nothing else. [New] starts nothing.
package metrics

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// Options say what to show. Hub and Engine must be set.
type Options struct {
	Hub       *hub.Hub
	Engine    *fanout.Engine
	Upstreams func() []hub.Upstream // nil: nothing is polled
	Version   string

	LogDropped func() uint64 // nil: none are

	// Refusals are the callers for whom there was no place, by reason, and
	// AuthFailures those without the right token or signature, by what was wanted.
	// Nil: there are none.
	Refusals     func() map[string]uint64
	AuthFailures func() map[string]uint64
}

// New returns the handler for GET /metrics.
func New(opts Options) http.Handler {
	if opts.Upstreams == nil {
		opts.Upstreams = func() []hub.Upstream { return nil }
	}
	if opts.LogDropped == nil {
		opts.LogDropped = func() uint64 { return 0 }
	}
	for _, counts := range []*func() map[string]uint64{&opts.Refusals, &opts.AuthFailures} {
		if *counts == nil {
			*counts = func() map[string]uint64 { return nil }
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&collector{opts},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// collector turns Stats into metrics at each scrape.
type collector struct{ Options }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pollux_"+name, help, labels, nil)
}

var (
	clients        = describe("clients", "Open streams, and waits at /api/latest.")
	published      = describe("events_published_total", "Documents that became part of history.")
	deliveries     = describe("deliveries_total", "Events written to streams: documents, differences, statuses and resets.")
	bytesSent      = describe("bytes_sent_total", "Bytes written to streams: with headers and chunks where the connection has left net/http.")
	disconnects    = describe("disconnects_total", "Streams that ended.", "reason")
	resumes        = describe("resumes_total", "Clients that came with a Last-Event-ID: ok, or why they could not go on after it.", "result")
	losses         = describe("losses_total", "Slow clients for whom history had let go of what came next, or whose log had lost it.")
	resubscribed   = describe("resubscriptions_total", "Slow clients that took their backlog from history.")
	refused        = describe("refusals_total", "Callers refused because there were too many clients or views, or because of a shutdown.", "reason")
	authFailures   = describe("auth_failures_total", "Callers refused because they had not the right token or signature.", "kind")
	connections    = describe("connections", "Connections that are no client's.")
	pushedOut      = describe("connections_refused_total", "Connections closed for want of room: full is a new one, idle, silent and slow are those that made room.", "reason")
	acceptErrors   = describe("accept_errors_total", "Connections that could not be accepted.")
	historyEvents  = describe("history_events", "Events kept for those who resume.", "stream")
	historyBytes   = describe("history_bytes", "What they take.", "stream")
	pollRequests   = describe("poll_requests_total", "Polls of the upstream: ok, unchanged, or the class of the failure.", "stream", "result")
	pollDuration   = describe("poll_duration_seconds", "Time that polls took.", "stream")
	pollHidden     = describe("poll_hidden_changes_total", "Changes that the upstream hid by answering 304.", "stream")
	streamAge      = describe("stream_age_seconds", "Time since the upstream last answered well.", "stream")
	pollRetries    = describe("poll_retries_total", "Requests sent again because a kept connection was lost.", "stream")
	pollRefused    = describe("poll_refused_addresses_total", "Connections refused because of their address.", "stream")
	views          = describe("views", "Different views in use, whole documents not counted.")
	formBytes      = describe("form_bytes", "Size of what is kept for several clients.")
	logDropped     = describe("log_dropped_total", "Records of the log that standard error did not take.")
	buildInfo      = describe("build_info", "Always 1; the labels tell the build.", "version", "goversion")
	allDescriptors = []*prometheus.Desc{
		pollHidden,
		clients, published, deliveries, bytesSent, disconnects, resumes, losses, resubscribed, refused, authFailures, connections, pushedOut, acceptErrors,
		historyEvents, historyBytes, pollRequests, pollDuration, streamAge, pollRetries, pollRefused, views, formBytes, logDropped, buildInfo,
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
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}

	engine := c.Engine.Stats()
	gauge(clients, float64(engine.Clients))
	gauge(views, float64(engine.Views))
	gauge(formBytes, float64(engine.FormBytes))
	counter(deliveries, engine.Deliveries)
	counter(bytesSent, engine.Bytes)
	counter(resubscribed, engine.Resubscribed)
	gauge(connections, float64(engine.Connections))
	counter(acceptErrors, engine.AcceptErrors)
	for reason, n := range engine.ConnectionsClosed {
		counter(pushedOut, n, string(reason))
	}
	for reason, n := range engine.Ended {
		counter(disconnects, n, string(reason))
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
	for _, s := range stats.Streams {
		gauge(historyEvents, float64(s.HistoryLen), s.Name)
		gauge(historyBytes, float64(s.HistoryBytes), s.Name)
	}

	for _, u := range c.Upstreams() {
		polls := u.Successes
		counter(pollRequests, u.Successes-u.Unchanged, u.Name, "ok")
		counter(pollRequests, u.Unchanged, u.Name, "unchanged")
		for class, n := range u.Failures {
			counter(pollRequests, n, u.Name, class)
			polls += n
		}
		out <- prometheus.MustNewConstSummary(pollDuration, polls, u.TotalDuration.Seconds(), nil, u.Name)
		counter(pollHidden, u.Hidden, u.Name)
		counter(pollRetries, u.Retries, u.Name)
		counter(pollRefused, u.Refused, u.Name)
		if !u.LastSuccess.IsZero() {
			gauge(streamAge, time.Since(u.LastSuccess).Seconds(), u.Name)
		}
	}
	counter(logDropped, c.LogDropped())
	gauge(buildInfo, 1, c.Version, runtime.Version())
}
