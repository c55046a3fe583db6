package soak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/polluxhub/pollux/bench/certificate"
	"github.com/polluxhub/pollux/bench/subject"
)

// token guards nothing: the server listens on the loopback interface, for this run.
const token = "soak"

// stopWithin is how long a server may take to stop. By default it needs less than the ten
// seconds that Docker gives a container; the rest is for a machine that is busy.
const stopWithin = 12 * time.Second

// server is the Pollux of a run. It is started again at the same addresses.
type server struct {
	*subject.Server
	address, admin string
	upstream       string
	clients        int    // at most
	certificate    string // the folder of the certificate; "" without TLS
	http           *http.Client
	reloads        int
}

func newServer(ctx context.Context, root, dir, upstream string, clients int, secure bool) (*server, error) {
	s := &server{upstream: upstream, clients: clients}
	s.http = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: certificate.Any()}}
	var err error
	if secure {
		if err = certificate.Write(dir); err != nil {
			return nil, err
		}
		s.certificate = dir
	}
	if s.address, err = subject.FreeAddress(ctx); err != nil {
		return nil, err
	}
	if s.admin, err = subject.FreeAddress(ctx); err != nil {
		return nil, err
	}
	s.Server, err = subject.New(ctx, root, dir)
	return s, err
}

// history is how many events are kept of each stream. It is full before the figures have to
// be flat, with a document in a second, and long enough for each client that comes back.
const history = 100

// largeHistory is the same for documents that only stalled readers ask for.
const largeHistory = 10

// configure writes the configuration. Each reload changes the stream "other", to which
// nobody listens, and leaves alone the two streams that clients have.
func (s *server) configure() error {
	other := []string{"1s", "2s"}[s.reloads%2]
	text := fmt.Sprintf(`listen: %s
admin_listen: %s
max_clients: %d
history: %d
log_level: warn
publish_token: %s
streams:
  - name: %s
    push: true
  - name: %s
    url: http://%s/
    every: 1s
    timeout: 500ms
    replay: all
  - name: %s
    push: true
    history: %d
  - name: other
    mock: true
    every: %s
`, s.address, s.admin, s.clients, history, token, eventsStream, polledStream, s.upstream, largeStream, largeHistory, other)
	if s.certificate != "" {
		text += fmt.Sprintf("tls_cert_file: %s\ntls_key_file: %s\n",
			filepath.Join(s.certificate, certificate.CertFile), filepath.Join(s.certificate, certificate.KeyFile))
	}
	return s.Configure(text)
}

// start starts the process and waits until it is ready.
func (s *server) start(ctx context.Context) error {
	if err := s.configure(); err != nil {
		return err
	}
	return s.Start(ctx, -1, func() error {
		_, err := s.get(ctx, http.MethodGet, s.url("/readyz"))
		return err
	})
}

// stop asks the process to end, and returns how long that took. It has to exit with
// status 0.
func (s *server) stop() (time.Duration, error) { return s.Stop(stopWithin) }

// url returns the URL of a path for clients.
func (s *server) url(path string) string {
	if s.certificate != "" {
		return "https://" + s.address + path
	}
	return "http://" + s.address + path
}

// adminURL returns the URL of a path for operators, who need no TLS on the loopback interface.
func (s *server) adminURL(path string) string { return "http://" + s.admin + path }

// get returns the body of an answer with status 200.
func (s *server) get(ctx context.Context, method, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.200s", method, url, resp.Status, body)
	}
	return body, err
}

// reload changes the configuration and has it read.
func (s *server) reload(ctx context.Context) error {
	s.reloads++
	if err := s.configure(); err != nil {
		return err
	}
	_, err := s.get(ctx, http.MethodPost, s.adminURL("/-/reload"))
	return err
}

// errUncertain is returned for a document of which nobody knows whether it was published.
var errUncertain = errors.New("soak: no answer to a publish")

// publish publishes document n. The error is errUncertain if nobody knows whether it was.
func (s *server) publish(ctx context.Context, n int) error {
	return s.publishTo(ctx, eventsStream, fmt.Sprintf(`{"n":%d,"text":"a document of a soak, which is about as long as a small price"}`, n))
}

// publishLarge publishes a document for stalled readers.
func (s *server) publishLarge(ctx context.Context) error {
	return s.publishTo(ctx, largeStream, `"`+strings.Repeat("x", largeDocument)+`"`)
}

func (s *server) publishTo(ctx context.Context, stream, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url("/api/streams/"+stream+"/events"), strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.http.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUncertain, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("publishing: %s: %.200s", resp.Status, text)
	}
	return err
}

// sample reads what the process uses now.
func (s *server) sample(ctx context.Context, begin time.Time) (Sample, error) {
	p := Sample{At: time.Since(begin), Age: s.Age()}
	metrics, err := s.get(ctx, http.MethodGet, s.adminURL("/metrics"))
	if err != nil {
		return p, err
	}
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(name, "#") {
			continue
		}
		p.Series++
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return p, fmt.Errorf("soak: %s: %w", lines.Text(), err)
		}
		switch name {
		case "pollux_clients":
			p.Clients = int(v)
		case "go_goroutines":
			p.Goroutines = v
		}
	}
	group := s.Processes()
	memory, err := group.Memory()
	if err != nil {
		return p, err
	}
	descriptors, err := group.Descriptors()
	p.Memory, p.Descriptors = float64(memory.Pss), float64(descriptors-p.Clients)
	return p, errors.Join(err, lines.Err())
}
