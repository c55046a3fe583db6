package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/polluxhub/pollux/bench/clock"
	"github.com/polluxhub/pollux/bench/wire"
)

// publishTimeout is how long a server may take for one event before it counts as
// refused. Some wait until the slowest of their clients has taken it.
const publishTimeout = 10 * time.Second

// Publisher publishes events by HTTP, one after the other over one connection.
type Publisher struct {
	url    string
	header http.Header
	client *http.Client
}

// NewPublisher returns a Publisher that posts to url, with the given headers.
func NewPublisher(url string, header map[string]string) *Publisher {
	p := &Publisher{
		url:    url,
		header: http.Header{"Content-Type": {"application/json"}},
		client: &http.Client{
			Timeout:   publishTimeout,
			Transport: &http.Transport{MaxConnsPerHost: 1, DisableCompression: true},
		},
	}
	for name, value := range header {
		p.header.Set(name, value)
	}
	return p
}

// Publish sends one event and waits for the answer.
func (p *Publisher) Publish(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("load: publish: %w", err)
	}
	request.Header = p.header
	response, err := p.client.Do(request)
	if err != nil {
		return fmt.Errorf("load: publish: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return fmt.Errorf("load: publish: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return &refusal{response.Status + ": " + string(answer)}
	}
	return nil
}

// refusal is an answer that says that the event was not taken.
type refusal struct{ answer string }

func (r *refusal) Error() string { return "load: publish: " + r.answer }

// Rest closes the idle connection, so that the next event does not find it closed
// by the server: a POST that meets the end of its connection is not repeated.
func (p *Publisher) Rest() { p.client.CloseIdleConnections() }

// markerKey is the name of the member that bears the marker, and is in no
// document without one.
const markerKey = `"bench-marker":"`

// payload returns a JSON document of the given size (if that is not too small)
// with the marker of event seq at its end, so that who has read the marker has
// read all of the event. The filling differs from event to event, as documents
// do, and does not compress to nothing.
func payload(seq uint32, size int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"
	const end = `"}`
	b := append(make([]byte, 0, size), `{"seq":`...)
	b = strconv.AppendUint(b, uint64(seq), 10)
	b = append(b, `,"filling":"`...)
	random := rand.New(rand.NewPCG(uint64(seq), 0))
	rest := size - len(b) - len(`",`) - len(markerKey) - wire.MarkerLen - len(end)
	for range rest {
		b = append(b, letters[random.IntN(len(letters))])
	}
	b = append(b, `",`...)
	b = append(b, markerKey...)
	b = wire.AppendMarker(b, seq, 0)
	return append(b, end...)
}

// stamp writes the time at which it is sent into a payload, and returns it.
func stamp(body []byte, seq uint32) int64 {
	const end = `"}`
	now := clock.Now()
	at := len(body) - len(end) - wire.MarkerLen
	wire.AppendMarker(body[:at], seq, now)
	// Appending has stayed within the capacity, and overwritten the old marker.
	return now
}
