package run

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/result"
)

const (
	// The warm-up fills what a server keeps of its own accord, such as a history
	// of 1,000 events, so that no client is charged for it.
	warmClients = 10
	warmEvents  = 1200
	warmWindow  = 16
	warmTime    = 10 * time.Second

	// rest lets a server finish with clients that have gone.
	rest = 1500 * time.Millisecond

	// leaving is how long a server may take to close descriptors.
	leaving = 10 * time.Second

	poll = 50 * time.Millisecond
)

// session is one server, and the load processes that work on it.
type session struct {
	peer    peer.Peer
	server  *peer.Server
	loaders []*load.Process // the first of them publishes
}

// open starts a server for so many clients, with load processes of which each
// has a part of them.
func (b *Bed) open(ctx context.Context, p peer.Peer, clients, loaders int) (*session, error) {
	server, err := b.workshop.Start(ctx, p, b.server, clients)
	if err != nil {
		return nil, err
	}
	s := &session{peer: p, server: server}
	share := (clients + loaders - 1) / loaders
	for i := range loaders {
		core := b.load[i%len(b.load)]
		setup := load.Setup{Server: server.Address, Path: p.Path, Publish: p.Publish, Header: p.Header, Gzip: p.Gzip, Offset: i * share}
		l, err := load.StartProcess(ctx, b.workshop.Self, core, setup)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.loaders = append(s.loaders, l)
	}
	return s, nil
}

func (s *session) close() error {
	for _, l := range s.loaders {
		l.Stop()
	}
	return s.server.Stop()
}

// leader is the load process that publishes.
func (s *session) leader() *load.Process { return s.loaders[0] }

// warm brings the server into the state in which it would be anyhow.
func (s *session) warm(ctx context.Context, size int) error {
	if _, err := s.leader().Open(ctx, warmClients, false); err != nil {
		return err
	}
	burst := load.Burst{Count: warmEvents, Duration: warmTime, Window: warmWindow, Size: size}
	if _, err := s.leader().Burst(ctx, burst); err != nil {
		return err
	}
	if err := s.leader().Disconnect(ctx); err != nil {
		return err
	}
	return sleep(ctx, rest)
}

// still reads what the server uses while no clients are there. To ask a server
// for its heap costs memory itself, so that comes first.
func (s *session) still(ctx context.Context) (result.Usage, error) {
	goroutines, heap := int64(result.Unknown), int64(result.Unknown)
	if s.peer.Metrics != "" {
		goroutines, heap = s.inside(ctx)
		if err := sleep(ctx, rest); err != nil { // until its connection is closed
			return result.Usage{}, err
		}
	}
	u, err := s.usage()
	u.Goroutines, u.Heap = goroutines, heap
	return u, err
}

// usage reads what the server uses now.
func (s *session) usage() (u result.Usage, err error) {
	group := s.server.Processes
	memory, err := group.Memory()
	if err != nil {
		return u, fmt.Errorf("%w: %s", err, s.server.Log())
	}
	u.Pss, u.RSS = memory.Pss, memory.RSS
	if u.Descriptors, err = group.Descriptors(); err != nil {
		return u, err
	}
	if u.Threads, err = group.Threads(); err != nil {
		return u, err
	}
	if u.Kernel, err = proc.ReadSockets(); err != nil {
		return u, err
	}
	u.Goroutines, u.Heap = result.Unknown, result.Unknown
	return u, nil
}

// inside reads what a Go server says of its goroutines and its heap. The heap
// grows until it is collected, and how long ago that was is chance, so it is read
// often enough for a collection to happen meanwhile, and the lowest counts.
func (s *session) inside(ctx context.Context) (goroutines, heap int64) {
	const readings = 400
	goroutines, heap = result.Unknown, result.Unknown
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Second}
	for range readings {
		g, h, err := metrics(ctx, client, "http://"+s.server.Address+s.peer.Metrics)
		if err != nil || h < 0 {
			return goroutines, heap
		}
		if heap < 0 || h < heap {
			heap = h
		}
		if goroutines < 0 || g < goroutines {
			goroutines = g
		}
	}
	return goroutines, heap
}

// metrics reads the two figures in the format of Prometheus.
func metrics(ctx context.Context, client *http.Client, url string) (goroutines, heap int64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("run: metrics: %s", response.Status)
	}
	goroutines, heap = result.Unknown, result.Unknown
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue // a comment
		}
		switch name {
		case "go_goroutines":
			goroutines = int64(v)
		case "go_memstats_heap_alloc_bytes":
			heap = int64(v)
		}
	}
	return goroutines, heap, lines.Err()
}

// emptied waits until the server has as few descriptors as before, and returns
// after how many seconds, or Unknown.
func (s *session) emptied(ctx context.Context, before int) (float64, error) {
	start := time.Now()
	for time.Since(start) < leaving {
		n, err := s.server.Processes.Descriptors()
		if err != nil {
			return result.Unknown, err
		}
		if n <= before {
			return time.Since(start).Seconds(), nil
		}
		if err := sleep(ctx, poll); err != nil {
			return result.Unknown, err
		}
	}
	return result.Unknown, nil
}

// sleep returns early, with its error, when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
