package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/polluxhub/pollux/poller/httpjson"
)

// publicRow is an upstream with a public address that tries to have the program
// ask a private one.
type publicRow struct {
	name     string
	script   fault
	resolved string // its address meanwhile
}

var publicRows = []publicRow{
	{"dns", answersWell, "127.0.0.1"},
	{"redirect", redirects("http://[::ffff:127.0.0.1]:80/"), publicAddress},
}

const publicAddress = "93.184.216.34"

// No test has a public address, so these rows are not in TestFaults: the whole
// program runs in this process, and its sources have another resolver, and a
// dialer that takes the public address for that of the upstream on loopback.
// Whatever else is dialled has passed the guard and should not have.
func TestFromPublic(t *testing.T) {
	expectNoLeak(t)
	upstreams := make([]*upstream, len(publicRows))
	resolved := make([]atomic.Pointer[netip.Addr], len(publicRows))
	sources := make([]*httpjson.Source, len(publicRows))
	resolves := func(i int, to string) {
		address := netip.MustParseAddr(to)
		resolved[i].Store(&address)
	}
	for i, r := range publicRows {
		u := startUpstream(t, r.script, always(good))
		u.brief = true // a connection that is kept would need no resolver
		upstreams[i] = u
		resolves(i, publicAddress)
		var err error
		sources[i], err = httpjson.New(httpjson.Options{
			URL:           "http://rebinding.example.com/",
			Header:        map[string][]string{"X-Api-Key": {secret}},
			RedirectHosts: []string{"[::ffff:127.0.0.1]"},
			Resolver:      resolver(func() netip.Addr { return *resolved[i].Load() }),
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if address != publicAddress+":80" {
					t.Errorf("%s: dialled %s", r.name, address)
				}
				return new(net.Dialer).DialContext(ctx, network, u.address)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	url, stop := startWith(t, sources)

	readers := make([]*reader, len(publicRows))
	for i, r := range publicRows {
		readers[i] = startReader(t, url+"/api/sse?stream="+r.name)
		readers[i].expect(t, good)
	}
	for i, r := range publicRows {
		upstreams[i].misbehave()
		resolves(i, r.resolved)
	}
	for i, r := range publicRows {
		readers[i].expect(t, "status stale forbidden_address", "status down forbidden_address")
		if got := getOK(t, url+"/api/latest?stream="+r.name); got != good {
			t.Errorf("%s: the newest document is %s", r.name, got)
		}
		counted := countersOf(t, url)[r.name]
		if counted["poll_refused_addresses"] == 0 || counted["poll_requests forbidden_address"] == 0 {
			t.Errorf("%s: refused, and not counted: %v", r.name, counted)
		}
	}
	for i := range publicRows {
		resolves(i, publicAddress)
		upstreams[i].give(always(better))
		upstreams[i].recover()
	}
	for i := range publicRows {
		readers[i].expect(t, better, "status live")
		readers[i].expectNoMore(t)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// resolver is a name server that knows one address at a time.
type resolver func() netip.Addr

func (r resolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{r()}, nil
}

// startWith runs a whole program in this process, as startProgram does, that asks
// these sources for publicRows.
func startWith(t *testing.T, sources []*httpjson.Source) (url string, stop func() error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	config := "streams:\n"
	for _, r := range publicRows {
		config += entry(r.name, "http://replaced.example.com/", "every: 1s", "timeout: 950ms")
	}
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := parse([]string{"--listen", "127.0.0.1:0", "--drain", "50ms", "--config", file}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProgram(t.Context(), &c.Serve, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	streams := slices.Clone(p.streams)
	for i := range streams {
		streams[i].Poll.Source, streams[i].Poll.Revision, streams[i].Revision = sources[i], "", "" // so that it is no stream that is kept
	}
	if _, err := p.SetStreams(streams); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx, nil) }()
	return "http://" + p.Addr().String(), func() error {
		cancel()
		return <-ended
	}
}
