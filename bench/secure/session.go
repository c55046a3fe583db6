package secure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/certificate"
	"github.com/polluxhub/pollux/bench/peer"
)

// session is a server that is measured, and who publishes to it.
type session struct {
	Case
	server    *peer.Server
	publisher *publisher
}

// newSession starts the server of a case for so many clients.
func newSession(ctx context.Context, w *peer.Workshop, c Case, clients int, o Settings) (*session, error) {
	server, err := w.Start(ctx, c.Peer, o.Core, clients+warmClients)
	if err != nil {
		return nil, err
	}
	p := &publisher{url: "http://" + server.Address + c.Peer.Publish, header: c.Peer.Header, size: o.Size}
	p.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: certificate.Any()}}
	if c.Peer.TLS {
		p.url = strings.Replace(p.url, "http:", "https:", 1)
	}
	return &session{c, server, p}, nil
}

// close stops the server. What it has said last is added to an error.
func (s *session) close(err error) error {
	s.publisher.client.CloseIdleConnections()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, s.server.Log())
	}
	return errors.Join(err, s.server.Stop())
}

// warm publishes events to a few clients, which leave.
func (s *session) warm(ctx context.Context) error {
	few := newFleet(s.server.Address, s.Peer.Path, s.Protocol, warmClients)
	defer few.disconnect()
	if _, err := few.connect(ctx); err != nil {
		return err
	}
	for range warmEvents {
		if err := s.publisher.publish(ctx); err != nil {
			return err
		}
	}
	few.disconnect()
	time.Sleep(rest)
	return nil
}

// publisher publishes documents.
type publisher struct {
	url    string
	header map[string]string
	size   int
	client *http.Client
	n      int
	last   string // ID, if the server says it
}

func (p *publisher) publish(ctx context.Context) error {
	p.n++
	text := fmt.Sprintf(`{"n":%d,"%s":"`, p.n, mark)
	text += strings.Repeat("x", max(p.size-len(text)-2, 0)) + `"}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(text))
	if err != nil {
		return err
	}
	for name, value := range p.header {
		request.Header.Set(name, value)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("secure: publish: %s: %s", response.Status, answer)
	}
	var said struct{ ID string }
	if json.NewDecoder(bytes.NewReader(answer)).Decode(&said) == nil && said.ID != "" {
		p.last = said.ID
	}
	return nil
}
