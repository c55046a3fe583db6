package listen

import (
	"context"
	"io"
	"net/http"
)

// cancelled returns a client whose requests cancel ends, those under way and all others.
func cancelled(client *http.Client) (ends *http.Client, cancel func()) {
	if client == nil {
		client = http.DefaultClient
	}
	copied := *client
	life, cancel := context.WithCancel(context.Background())
	transport := copied.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	copied.Transport = &mortal{transport, life}
	return &copied, cancel
}

// mortal sends requests as long as life has not ended.
type mortal struct {
	http.RoundTripper
	life context.Context //nolint:containedctx // it is that of the requests
}

// RoundTrip implements [http.RoundTripper].
func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(m.life, cancel)
	response, err := m.RoundTripper.RoundTrip(r.WithContext(ctx))
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	response.Body = &mortalBody{response.Body, func() { stop(); cancel() }}
	return response, nil
}

// mortalBody ends with its request.
type mortalBody struct {
	io.ReadCloser
	end func()
}

// Close implements [io.Closer].
func (b *mortalBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
