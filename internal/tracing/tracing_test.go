package tracing_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/internal/leak"
	"github.com/polluxhub/pollux/internal/listen/listentest"
	"github.com/polluxhub/pollux/internal/tracing"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

const patience = 30 * time.Second

// receiver is a collector.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
	wrong []string // requests that no collector takes
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := new(receiver)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var batch collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &batch)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil || req.Method != http.MethodPost || req.URL.Path != "/v1/traces" || req.Header.Get("Content-Type") != "application/x-protobuf" {
			r.wrong = append(r.wrong, req.Method+" "+req.URL.Path)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, resource := range batch.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				r.spans = append(r.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// count returns how many spans have come.
func (r *receiver) count() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.spans))
}

// named returns the spans with a name and a stream.
func (r *receiver) named(name, stream string) (spans []*otlp.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.GetName() == name && attribute(s, "pollux.stream") == stream {
			spans = append(spans, s)
		}
	}
	return spans
}

func attribute(s *otlp.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// A collector gets each poll as a trace, with the request and the publication within it.
// The upstream is told of it only where it should be.
func TestTraces(t *testing.T) {
	// Close has half a second to send, which a busy machine may not keep. So everything is sent
	// before, as soon as it is there.
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { leak.Check(t, before) })
	var mu sync.Mutex
	parents := make(map[string][]string) // by path
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		parents[r.URL.Path] = append(parents[r.URL.Path], r.Header.Get("Traceparent"))
		n := len(parents[r.URL.Path])
		mu.Unlock()
		if r.URL.Path == "/broken" {
			http.Error(w, "secret", http.StatusTeapot)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("[", n)+strings.Repeat("]", n)) // a document each time
	}))
	t.Cleanup(upstream.Close)
	received := newReceiver(t)
	tracer, err := tracing.New(tracing.Options{Endpoint: received.URL, Version: "v1", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var spans atomic.Int64 // that have ended
	trace := tracer.Trace(poller.StepFetch)
	counted := func(ctx context.Context, step, stream string) (context.Context, func(string)) {
		within, end := trace(ctx, step, stream)
		return within, func(class string) {
			end(class)
			spans.Add(1)
		}
	}
	const every = time.Second // of which a poll has most
	stream := func(name string, propagate func(context.Context, http.Header)) pollux.Stream {
		source, err := httpjson.New(httpjson.Options{URL: upstream.URL + "/" + name + "?key=secret", Propagate: propagate})
		if err != nil {
			t.Fatal(err)
		}
		return pollux.Stream{Name: name, Poll: poller.Stream{Source: source, Every: every}}
	}
	match, err := hub.NewKeyPattern("[a-z]+")
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := httpjson.NewKeyed(httpjson.Options{URL: upstream.URL + "/keyed?of={key}"}, false)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pollux.New(pollux.Options{
		Drain: -1, Logger: slog.New(slog.DiscardHandler), Trace: counted,
		Streams: []pollux.Stream{
			stream("told", tracer.Propagate), stream("untold", nil), stream("broken", nil),
			{Name: "keyed", Keys: &hub.KeyOptions{Match: match}, Poll: poller.Stream{Keys: &poller.Keys{Source: keyed}, Every: every}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	subscription, err := p.Hub().Subscribe(t.Context(), hub.SubscribeOptions{Streams: []string{"keyed/secret"}})
	if err != nil {
		t.Fatal(err)
	}
	asked := func(path string) int {
		mu.Lock()
		defer mu.Unlock()
		return len(parents[path])
	}
	eventually := func(what string, condition func() bool) {
		t.Helper()
		for begin := time.Now(); !condition(); time.Sleep(time.Millisecond) {
			if time.Since(begin) > patience {
				t.Fatalf("%s: not after %v", what, patience)
			}
		}
	}
	eventually("the upstream is asked", func() bool {
		return asked("/told") >= 3 && asked("/untold") >= 3 && asked("/broken") >= 2 && asked("/keyed") >= 2
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	subscription.Close()
	eventually("all spans have come", func() bool { return received.count() >= spans.Load() })
	tracer.Close()

	if len(received.wrong) > 0 {
		t.Errorf("the collector does not understand %q", received.wrong)
	}
	traces := make(map[string]bool)
	for _, name := range []string{"told", "untold", "broken", "keyed"} {
		polls, fetches, publications := received.named("poll", name), received.named("fetch", name), received.named("publish", name)
		if len(polls) == 0 || len(polls) != len(fetches) {
			t.Fatalf("%s: %d polls with %d requests", name, len(polls), len(fetches))
		}
		if (len(publications) == 0) != (name == "broken") {
			t.Errorf("%s: %d publications", name, len(publications))
		}
		roots := make(map[string]*otlp.Span)
		for _, poll := range polls {
			if len(poll.GetParentSpanId()) > 0 {
				t.Errorf("%s: a poll is part of something", name)
			}
			roots[string(poll.GetSpanId())] = poll
			traces[hex.EncodeToString(poll.GetTraceId())] = true
		}
		for _, s := range append(fetches, publications...) {
			root := roots[string(s.GetParentSpanId())]
			if (s.GetName() == poller.StepFetch) != (s.GetKind() == otlp.Span_SPAN_KIND_CLIENT) {
				t.Errorf("%s is of kind %v", s.GetName(), s.GetKind())
			}
			if root == nil || !bytes.Equal(root.GetTraceId(), s.GetTraceId()) || s.GetStartTimeUnixNano() < root.GetStartTimeUnixNano() || s.GetEndTimeUnixNano() > root.GetEndTimeUnixNano() {
				t.Errorf("%s: %s is not within a poll", name, s.GetName())
			}
		}
		want := map[bool]string{true: "http_418"}[name == "broken"]
		var classes []string
		for i, poll := range polls {
			class := attribute(poll, "error.type")
			classes = append(classes, class)
			// A busy machine may have no time for a poll, and the last one may end by cancel.
			expected := class == want || class == poller.ClassTimeout || i == len(polls)-1
			if !expected || (class != "") != (poll.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR) {
				t.Errorf("%s: the poll failed with %q, %v", name, class, poll.GetStatus())
			}
		}
		if !slices.Contains(classes, want) {
			t.Errorf("%s: the polls failed with %q, none of them with %q", name, classes, want)
		}
	}
	received.mu.Lock()
	for _, s := range received.spans {
		if strings.Contains(s.String(), "secret") {
			t.Errorf("a span has a URL, a key or a text of the upstream: %v", s)
		}
	}
	received.mu.Unlock()
	for path, all := range parents {
		for _, parent := range all {
			if told := path == "/told"; told != (parent != "") || told && !traces[strings.Split(parent, "-")[1]] {
				t.Errorf("%s was asked with traceparent %q", path, parent)
			}
		}
	}
}

// Close sends what is left.
func TestCloseSends(t *testing.T) {
	received := newReceiver(t)
	for begin := time.Now(); received.count() == 0; { // a busy machine may need another try
		if time.Since(begin) > patience {
			t.Fatal("nothing was sent")
		}
		tracer, err := tracing.New(tracing.Options{Endpoint: received.URL, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		_, end := tracer.Trace("")(t.Context(), poller.StepPoll, "x")
		end("")
		tracer.Close()
	}
}

// Without a Tracer nothing is traced. A collector that does not answer delays nobody, and
// the log has one line about it, without the path, which may be secret.
func TestNoCollector(t *testing.T) {
	var none *tracing.Tracer
	none.Close()
	if none.Trace("") != nil {
		t.Error("there is a trace without a Tracer")
	}
	var log bytes.Buffer // read after Close
	tracer, err := tracing.New(tracing.Options{Endpoint: "http://" + listentest.FreeAddress(t) + "/secret", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for range 10_000 { // more than the queue has room for
		_, end := tracer.Trace("")(t.Context(), poller.StepPoll, "x")
		end("")
	}
	tracer.Close()
	if lines := strings.Count(log.String(), "\n"); lines != 1 || strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "traces are not taken") {
		t.Errorf("the log is %q", log.String())
	}
}
