// Package tracing sends traces of polls to a collector, by OTLP over HTTP. It is the only
// package that imports OpenTelemetry.
//
// A trace begins with a span "poll". Below it are "fetch", the request to the upstream, and
// "publish", from the document to its place in the log. Spans have the name of the stream
// as it is configured, and the class of a failure: no key, URL, document or text of an
// upstream. A span that does not fit in the queue (2,048 spans) is dropped. Nothing waits
// for the collector but [Tracer.Close].
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

const (
	// CloseTimeout bounds how long Close sends what is left.
	CloseTimeout = 500 * time.Millisecond

	// path is where collectors take traces (OTLP 1.3.2, section OTLP/HTTP).
	path = "/v1/traces"

	// warnEvery is how often the log says at most that the collector does not answer.
	warnEvery = time.Minute
)

// Options configure a Tracer.
type Options struct {
	// Endpoint is the http or https URL of a collector, such as http://localhost:4318.
	// Without a path it gets /v1/traces. Required.
	Endpoint string

	// Version is that of the program.
	Version string

	// Logger gets a warning now and then if the collector does not take the spans.
	Logger *slog.Logger
}

// Tracer makes spans. It is safe for concurrent use. A nil Tracer makes none.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// New returns a Tracer, and starts the goroutine that sends, which Close ends. It connects
// to nobody.
func New(opts Options) (*Tracer, error) {
	endpoint, err := url.Parse(opts.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	if strings.Trim(endpoint.Path, "/") == "" {
		endpoint.Path = path
	}
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(endpoint.String()))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	warn := rate.Sometimes{Interval: warnEvery}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { // which may quote the URL
		warn.Do(func() {
			opts.Logger.Warn("traces are not taken", "host", endpoint.Host, "hint", "otlp_endpoint is the URL of a collector")
		})
	}))
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "pollux"),
			attribute.String("service.version", opts.Version),
		)),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/polluxhub/pollux")}, nil
}

// Trace returns a function that begins a span for a step of work on a stream, and returns
// its context and a function that ends it with the class of a failure, "" for none. The
// step that is named request is a request to another process. Trace of a nil Tracer is nil.
func (t *Tracer) Trace(request string) func(ctx context.Context, step, stream string) (within context.Context, end func(class string)) {
	if t == nil {
		return nil
	}
	return func(ctx context.Context, step, stream string) (context.Context, func(string)) {
		kind := trace.SpanKindInternal
		if step == request {
			kind = trace.SpanKindClient
		}
		ctx, span := t.tracer.Start(ctx, step, trace.WithSpanKind(kind), trace.WithAttributes(attribute.String("pollux.stream", stream)))
		return ctx, func(class string) {
			if class != "" {
				span.SetAttributes(attribute.String("error.type", class))
				span.SetStatus(codes.Error, class)
			}
			span.End()
		}
	}
}

// Propagate adds the header traceparent for the span of a context (W3C Trace Context).
func (t *Tracer) Propagate(ctx context.Context, header http.Header) {
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
}

// Close sends what is left, for CloseTimeout at most, and ends the goroutine of New.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), CloseTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // New tells the log about a collector that does not answer
}
