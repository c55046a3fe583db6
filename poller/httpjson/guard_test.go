package httpjson_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// internet is a name server, and all addresses. Every address leads to one local
// server.
type internet struct {
	mu     sync.Mutex
	names  map[string]string // to addresses, separated by spaces
	dialed []string
	conns  map[string]net.Conn // by the dialled address
	server string              // HOST:PORT
}

func (n *internet) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var addrs []netip.Addr
	for text := range strings.FieldsSeq(n.names[strings.ToLower(host)]) {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	if addrs == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

func (n *internet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if address == "10.0.0.66:3128" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("refused")}
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, n.server)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialed = append(n.dialed, address)
	n.conns[address] = conn
	return conn, err
}

func (n *internet) move(name, addresses string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[name] = addresses
}

// newInternet starts a server that redirects from /to?<URL> to that URL, and has a
// document everywhere else. It records which host got which key.
func newInternet(t *testing.T, names map[string]string) (n *internet, asked *[]string) {
	t.Helper()
	asked = new([]string)
	server := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, strings.TrimSpace(r.Host+" "+r.Header.Get("X-Api-Key")))
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.URL.Path == "/to" {
			to, _ := url.QueryUnescape(r.URL.RawQuery)
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, `1`)
	})
	return &internet{names: names, conns: map[string]net.Conn{}, server: server.Listener.Addr().String()}, asked
}

func (n *internet) source(t *testing.T, opts httpjson.Options) *httpjson.Source {
	t.Helper()
	opts.Resolver, opts.Dial = n, n.dial
	opts.Header = http.Header{"X-Api-Key": {"key"}}
	return newSource(t, opts)
}

// TestGuard has one attack, or one legitimate use, in each row.
func TestGuard(t *testing.T) {
	names := map[string]string{
		"public": "93.184.216.34", "other": "1.1.1.1", "inside": "10.0.0.1", "home": "192.168.1.5", "local": "127.0.0.1",
		"metadata": "169.254.169.254", "mixed": "127.0.0.1 93.184.216.34", "mapped": "::ffff:127.0.0.1",
	}
	to := func(hops ...string) string {
		text := hops[len(hops)-1]
		for i := len(hops) - 2; i >= 0; i-- {
			text = hops[i] + "/to?" + url.QueryEscape(text)
		}
		return text
	}
	const always = "forbidden_address"
	for _, test := range []struct {
		name   string
		opts   httpjson.Options
		want   string
		asked  []string
		dialed []string
	}{
		{"public", httpjson.Options{URL: "http://public"}, "", []string{"public key"}, []string{"93.184.216.34:80"}},
		{"private", httpjson.Options{URL: "http://inside"}, "", []string{"inside key"}, []string{"10.0.0.1:80"}},
		{"private literal", httpjson.Options{URL: "http://[::1]:8080"}, "", []string{"[::1]:8080 key"}, []string{"[::1]:8080"}},
		{"metadata", httpjson.Options{URL: "http://metadata"}, always, nil, nil},
		{"metadata literal", httpjson.Options{URL: "http://169.254.169.254/latest"}, always, nil, nil},
		{"metadata literal, mapped", httpjson.Options{URL: "http://[::ffff:a9fe:a9fe]/latest"}, always, nil, nil},
		{"mixed", httpjson.Options{URL: "http://mixed"}, "", []string{"mixed key"}, []string{"93.184.216.34:80"}},
		{"denied", httpjson.Options{URL: "http://inside", DenyPrivate: true}, always, nil, nil},
		{"denied but allowed", httpjson.Options{URL: "http://inside", DenyPrivate: true, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}, "", []string{"inside key"}, []string{"10.0.0.1:80"}},

		{"redirect to metadata", httpjson.Options{URL: to("http://public", "http://169.254.169.254/latest/meta-data")}, "redirect", []string{"public key"}, []string{"93.184.216.34:80"}},
		{"allowed redirect to metadata", httpjson.Options{URL: to("http://public", "http://169.254.169.254/"), RedirectHosts: []string{"169.254.169.254"}}, always, []string{"public key"}, []string{"93.184.216.34:80"}},
		{"allowed redirect to a name of metadata", httpjson.Options{URL: to("http://inside", "http://metadata"), RedirectHosts: []string{"metadata"}}, always, []string{"inside key"}, []string{"10.0.0.1:80"}},
		{"redirect to mapped loopback", httpjson.Options{URL: to("http://public", "http://[::ffff:127.0.0.1]/"), RedirectHosts: []string{"[::ffff:127.0.0.1]"}}, always, []string{"public key"}, []string{"93.184.216.34:80"}},
		{"redirect to a name of mapped loopback", httpjson.Options{URL: to("http://public", "http://mapped/"), RedirectHosts: []string{"mapped"}}, always, []string{"public key"}, []string{"93.184.216.34:80"}},
		{"redirect from public to private", httpjson.Options{URL: to("http://public", "http://inside"), RedirectHosts: []string{"inside"}}, always, []string{"public key"}, []string{"93.184.216.34:80"}},
		{"by way of another public one", httpjson.Options{URL: to("http://inside", "http://other", "http://inside"), RedirectHosts: []string{"other"}}, always, []string{"inside key", "other"}, []string{"10.0.0.1:80", "1.1.1.1:80"}},
		{"from private to private", httpjson.Options{URL: to("http://inside", "http://home"), RedirectHosts: []string{"home"}}, "", []string{"inside key", "home"}, []string{"10.0.0.1:80", "192.168.1.5:80"}},
		{"from public to public", httpjson.Options{URL: to("http://public", "http://OTHER:80/"), RedirectHosts: []string{"Other"}}, "", []string{"public key", "OTHER:80"}, []string{"93.184.216.34:80", "1.1.1.1:80"}},
		{"there and back: the key stays away", httpjson.Options{URL: to("http://public", "http://other", "http://public"), RedirectHosts: []string{"other"}}, "", []string{"public key", "other", "public"}, []string{"93.184.216.34:80", "1.1.1.1:80"}},
		{"nor does it come back later", httpjson.Options{URL: to("http://public", "http://other", "http://public", "http://public/a"), RedirectHosts: []string{"other"}}, "", []string{"public key", "other", "public", "public"}, []string{"93.184.216.34:80", "1.1.1.1:80"}},
		{"to another host", httpjson.Options{URL: to("http://public", "http://other")}, "redirect", []string{"public key"}, []string{"93.184.216.34:80"}},
		{"to another port", httpjson.Options{URL: to("http://public", "http://other:81"), RedirectHosts: []string{"other", "other:8080", "public"}}, "redirect", []string{"public key"}, []string{"93.184.216.34:80"}},
		{"to the port that is allowed", httpjson.Options{URL: to("http://public", "http://other:8080"), RedirectHosts: []string{"other:8080"}}, "", []string{"public key", "other:8080"}, []string{"93.184.216.34:80", "1.1.1.1:8080"}},
		{"with a user", httpjson.Options{URL: to("http://public", "http://a:b@other"), RedirectHosts: []string{"other"}}, "", []string{"public key", "other"}, []string{"93.184.216.34:80", "1.1.1.1:80"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, asked := newInternet(t, names)
			s := n.source(t, test.opts)
			_, err := s.Fetch(t.Context(), poller.Version{})
			if class(t, err) != test.want {
				t.Errorf("%v, want class %q", err, test.want)
			}
			if diff := cmp.Diff(test.asked, *asked); diff != "" {
				t.Errorf("asked (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.dialed, n.dialed); diff != "" {
				t.Errorf("dialled (-want +got)\n%s", diff)
			}
			wantRefused := uint64(0)
			if test.want == always || test.name == "mixed" {
				wantRefused = 1
			}
			if got := s.Stats().Refused; got != wantRefused {
				t.Errorf("%d refusals counted, want %d", got, wantRefused)
			}
		})
	}
}

// TestRebinding moves a name from a public address to this machine.
func TestRebinding(t *testing.T) {
	n, asked := newInternet(t, map[string]string{"upstream": "93.184.216.34"})
	s := n.source(t, httpjson.Options{URL: "http://upstream"})
	for i, step := range []struct{ addresses, class string }{
		{"93.184.216.34", ""}, {"127.0.0.1", "forbidden_address"}, {"::ffff:127.0.0.1", "forbidden_address"}, {"10.0.0.1", "forbidden_address"}, {"1.1.1.1", ""},
	} {
		n.move("upstream", step.addresses)
		_, err := s.Fetch(t.Context(), poller.Version{})
		if class(t, err) != step.class {
			t.Errorf("step %d: %v, want class %q", i, err, step.class)
		}
		_ = s.Close() // so that the next fetch dials
	}
	want := poller.SourceStats{Requests: 5, Refused: 3}
	if diff := cmp.Diff(want, s.Stats()); diff != "" || len(*asked) != 2 {
		t.Errorf("%d requests arrived; stats (-want +got)\n%s", len(*asked), diff)
	}
}

// TestKeptConnectionAfterRedirect has a connection to a private address in the pool,
// and then a redirect to it from a public one.
func TestKeptConnectionAfterRedirect(t *testing.T) {
	n, asked := newInternet(t, map[string]string{"upstream": "10.0.0.1", "inside": "10.0.0.2"})
	s := n.source(t, httpjson.Options{URL: "http://upstream/to?http%3A%2F%2Finside", RedirectHosts: []string{"inside"}})
	if _, err := s.Fetch(t.Context(), poller.Version{}); err != nil {
		t.Fatal(err)
	}
	// From here on, upstream is public. Its own connection is closed, and the one to
	// inside is not.
	n.move("upstream", "1.1.1.1")
	_ = n.conns["10.0.0.1:80"].Close()
	_, err := s.Fetch(t.Context(), poller.Version{})
	if class(t, err) != "forbidden_address" {
		t.Errorf("%v, want class forbidden_address", err)
	}
	if diff := cmp.Diff([]string{"upstream key", "inside", "upstream key"}, *asked); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
}

// TestProxy has a proxy at a private address. The guard checks that address, and the
// host only if it is written as an address.
func TestProxy(t *testing.T) {
	for _, test := range []struct {
		opts   httpjson.Options
		want   string
		asked  []string
		dialed []string
	}{
		{httpjson.Options{URL: "http://upstream/a"}, "", []string{"upstream key"}, []string{"10.0.0.9:3128"}},
		{httpjson.Options{URL: "http://upstream/a", DenyPrivate: true}, "forbidden_address", nil, nil},
		{httpjson.Options{URL: "http://upstream/a", DenyPrivate: true, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}}, "", []string{"upstream key"}, []string{"10.0.0.9:3128"}},
		{httpjson.Options{URL: "http://169.254.169.254/a"}, "forbidden_address", nil, nil},
		{httpjson.Options{URL: "http://0xa9fea9fe/a"}, "forbidden_address", nil, nil},
		{httpjson.Options{URL: "https://2852039166/a"}, "forbidden_address", nil, nil},
		{httpjson.Options{URL: "http://１６９.254.43518/a"}, "forbidden_address", nil, nil},
		{httpjson.Options{URL: "http://upstream.1/a"}, "forbidden_address", nil, nil},
		{httpjson.Options{URL: "http://2130706433/a"}, "", []string{"2130706433 key"}, []string{"10.0.0.9:3128"}},
		{httpjson.Options{URL: "https://upstream/a"}, "proxy", []string{"upstream:443"}, []string{"10.0.0.9:3128"}},
		{httpjson.Options{URL: "http://upstream/a", Proxy: "http://metadata:3128"}, "forbidden_address", nil, nil},
		{httpjson.Options{URL: "https://upstream/a", Proxy: "http://metadata:3128"}, "forbidden_address", nil, nil},
		{httpjson.Options{URL: "https://upstream/a", Proxy: "http://nowhere:3128"}, "dns", nil, nil},
		{httpjson.Options{URL: "https://upstream/a", Proxy: "http://closed:3128"}, "connect", nil, nil},
		{httpjson.Options{URL: "http://upstream/a", Proxy: "http://closed:3128"}, "connect", nil, nil},
	} {
		n, asked := newInternet(t, map[string]string{"proxy": "10.0.0.9", "closed": "10.0.0.66", "metadata": "169.254.169.254"})
		if test.opts.Proxy == "" {
			test.opts.Proxy = "http://user:password@proxy:3128"
		}
		s := n.source(t, test.opts)
		_, err := s.Fetch(t.Context(), poller.Version{})
		if class(t, err) != test.want || err != nil && strings.Contains(err.Error(), "password") {
			t.Errorf("%+v: %v, want class %q", test.opts, err, test.want)
		}
		if diff := cmp.Diff(test.asked, *asked); diff != "" {
			t.Errorf("%+v: asked (-want +got)\n%s", test.opts, diff)
		}
		if diff := cmp.Diff(test.dialed, n.dialed); diff != "" {
			t.Errorf("%+v: dialled (-want +got)\n%s", test.opts, diff)
		}
	}
}
