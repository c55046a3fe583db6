package metrics_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/handlers/metrics"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

func TestMetrics(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	defer func() {
		stop()
		<-ended
	}()
	engine, err := fanout.New(fanout.Options{Hub: h, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := h.Publish(ctx, hub.Message{Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	open, err := engine.Open(request, fanout.Request{LastEventID: hub.ParseLastEventID("nonsense")})
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	served, err := engine.Open(request, fanout.Request{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	served.Serve(unlimited{httptest.NewRecorder()}, request)

	handler := metrics.New(metrics.Options{
		Hub: h, Engine: engine, Version: "v1", LogDropped: func() uint64 { return 5 },
		Leases: func() metrics.Leases {
			return metrics.Leases{Held: 11, Nodes: 12, Taken: 13, Released: 14, Lost: 15, Failures: 16, Differ: 20}
		},
		Log:           func() hub.LogStats { return hub.LogStats{Stored: true, Lag: 17, Conflicts: 18, Superseded: 19} },
		IssuerFetches: func() (ok, failed uint64) { return 8, 9 },
		Refusals:      func() map[string]uint64 { return map[string]uint64{"clients": 4, "views": 0} },
		AuthFailures:  func() map[string]uint64 { return map[string]uint64{"publish": 2, "signature": 1} },
		Upstreams: func() []hub.Upstream {
			return []hub.Upstream{{
				Name: "default", Successes: 5, Unchanged: 2, Hidden: 4, Failures: map[string]uint64{"timeout": 1},
				TotalDuration: 1500 * time.Millisecond, Durations: [len(hub.PollBounds) + 1]uint64{2, 0, 0, 3, 8: 1}, Dropped: 7, Late: 3, Leased: true, StepDowns: 6, Status: hub.Status{LastSuccess: time.Now().Add(-time.Hour)},
			}}
		},
	})
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := recorder.Body.String()
	for _, want := range []string{
		"pollux_clients 1\n",
		"pollux_log_dropped_total 5\n",
		"pollux_leases 11\n",
		"pollux_nodes 12\n",
		"pollux_leases_taken_total 13\n",
		"pollux_leases_released_total 14\n",
		"pollux_leases_lost_total 15\n",
		"pollux_lease_failures_total 16\n",
		"pollux_settings_differ 20\n",
		"pollux_store_lag 17\n",
		"pollux_store_conflicts_total 18\n",
		"pollux_store_superseded_total 19\n",
		`pollux_step_downs_total{stream="default"} 6` + "\n",
		`pollux_issuer_fetches_total{result="ok"} 8` + "\n",
		`pollux_issuer_fetches_total{result="failed"} 9` + "\n",
		"pollux_events_published_total 3\n",
		"pollux_deliveries_total 1\n",
		"pollux_bytes_sent_total ",
		`pollux_disconnects_total{reason="limit"} 1` + "\n",
		`pollux_disconnects_total{reason="slow"} 0` + "\n",
		`pollux_resumes_total{result="ok"} 0` + "\n",
		`pollux_resumes_total{result="invalid"} 1` + "\n",
		"pollux_losses_total 0\n",
		`pollux_refusals_total{reason="clients"} 4` + "\n",
		`pollux_refusals_total{reason="views"} 0` + "\n",
		`pollux_auth_failures_total{kind="publish"} 2` + "\n",
		`pollux_auth_failures_total{kind="signature"} 1` + "\n",
		`pollux_history_events{stream="default"} 3` + "\n",
		`pollux_poll_requests_total{result="ok",stream="default"} 3` + "\n",
		`pollux_poll_requests_total{result="unchanged",stream="default"} 2` + "\n",
		`pollux_poll_requests_total{result="timeout",stream="default"} 1` + "\n",
		`pollux_poll_duration_seconds_sum{stream="default"} 1.5` + "\n",
		`pollux_poll_duration_seconds_count{stream="default"} 6` + "\n",
		`pollux_poll_duration_seconds_bucket{stream="default",le="0.01"} 2` + "\n",
		`pollux_poll_duration_seconds_bucket{stream="default",le="0.25"} 5` + "\n",
		`pollux_poll_duration_seconds_bucket{stream="default",le="10"} 5` + "\n",
		`pollux_poll_duration_seconds_bucket{stream="default",le="+Inf"} 6` + "\n",
		`pollux_poll_dropped_ticks_total{stream="default"} 7` + "\n",
		`pollux_poll_late_ticks_total{stream="default"} 3` + "\n",
		`pollux_connections_by_state{state="busy"} 0` + "\n",
		`pollux_connections_by_state{state="handshake"} 0` + "\n",
		`pollux_publish_to_write_seconds_bucket{le="+Inf"} 0` + "\n",
		`pollux_poll_hidden_changes_total{stream="default"} 4` + "\n",
		`pollux_stream_age_seconds{stream="default"} 360`,
		`version="v1"} 1` + "\n",
		"go_goroutines ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// unlimited makes a recorder accept write deadlines.
type unlimited struct{ *httptest.ResponseRecorder }

func (unlimited) SetWriteDeadline(time.Time) error { return nil }
