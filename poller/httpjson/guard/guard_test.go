package guard_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/internal/leak"
	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

func TestMain(m *testing.M) { leak.Main(m) }

// network is a name server and all machines. Nothing leaves the process.
type network struct {
	answer []string                            // for every name
	fault  func(context.Context, string) error // of connecting; nil: none

	mu     sync.Mutex
	dialed []string
	open   []net.Conn
}

func (n *network) LookupNetIP(_ context.Context, kind, _ string) ([]netip.Addr, error) {
	if kind != "ip" {
		return nil, errors.New("not what *net.Resolver wants")
	}
	var addrs []netip.Addr
	for _, text := range n.answer {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs, nil
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, address)
	n.mu.Unlock()
	if n.fault != nil {
		if err := n.fault(ctx, address); err != nil {
			return nil, err
		}
	}
	client, server := net.Pipe()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = append(n.open, server)
	return client, nil
}

func (n *network) guard(opts guard.Options) *guard.Guard {
	opts.Resolver, opts.Dial = n, n.dial
	return guard.New(opts)
}

func refused(err error) bool {
	_, ok := errors.AsType[*guard.RefusedError](err)
	return ok
}

// TestDial checks which addresses of one answer are dialled.
func TestDial(t *testing.T) {
	private := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/16"), netip.MustParsePrefix("169.254.0.0/16")}
	for _, test := range []struct {
		name    string
		opts    guard.Options
		after   bool // a redirect from a public address
		address string
		answer  []string
		want    []string // nil: refused
		refused uint64
	}{
		{"public", guard.Options{}, false, "a:80", []string{"1.1.1.1"}, []string{"1.1.1.1:80"}, 0},
		{"private", guard.Options{}, false, "a:80", []string{"10.0.0.1"}, []string{"10.0.0.1:80"}, 0},
		{"loopback", guard.Options{}, false, "a:80", []string{"127.0.0.1"}, []string{"127.0.0.1:80"}, 0},
		{"link-local", guard.Options{}, false, "a:80", []string{"169.254.1.1"}, nil, 1},
		{"link-local, zone", guard.Options{}, false, "a:80", []string{"fe80::1%eth0"}, nil, 1},
		{"metadata, mapped", guard.Options{}, false, "a:80", []string{"::ffff:169.254.169.254"}, nil, 1},
		{"literals", guard.Options{}, false, "169.254.169.254:80", nil, nil, 1},
		{"literal in brackets", guard.Options{}, false, "[::ffff:169.254.169.254]:80", nil, nil, 1},
		{"literal of a private one", guard.Options{}, false, "[fd12::1]:80", nil, []string{"[fd12::1]:80"}, 0},

		{"after public: public", guard.Options{}, true, "a:80", []string{"1.1.1.1"}, []string{"1.1.1.1:80"}, 0},
		{"after public: private", guard.Options{}, true, "a:80", []string{"10.0.0.1"}, nil, 1},
		{"after public: loopback, mapped", guard.Options{}, true, "[::ffff:127.0.0.1]:80", nil, nil, 1},
		{"after public: loopback by NAT64", guard.Options{}, true, "[64:ff9b::7f00:1]:80", nil, nil, 1},
		{"after public: allowed ones as well", guard.Options{AllowPrivate: private}, true, "10.1.0.1:80", nil, nil, 1},

		{"denied", guard.Options{DenyPrivate: true}, false, "a:80", []string{"10.1.0.1"}, nil, 1},
		{"denied loopback", guard.Options{DenyPrivate: true}, false, "[::1]:80", nil, nil, 1},
		{"denied but allowed", guard.Options{DenyPrivate: true, AllowPrivate: private}, false, "a:80", []string{"10.1.255.255"}, []string{"10.1.255.255:80"}, 0},
		{"denied but allowed, mapped", guard.Options{DenyPrivate: true, AllowPrivate: private}, false, "a:80", []string{"::ffff:10.1.0.1"}, []string{"[::ffff:10.1.0.1]:80"}, 0},
		{"denied, beside what is allowed", guard.Options{DenyPrivate: true, AllowPrivate: private}, false, "a:80", []string{"10.2.0.0"}, nil, 1},
		{"what cannot be allowed", guard.Options{DenyPrivate: true, AllowPrivate: private}, false, "a:80", []string{"169.254.169.254"}, nil, 1},

		{"mixed, private first", guard.Options{}, false, "a:80", []string{"127.0.0.1", "1.1.1.1"}, []string{"1.1.1.1:80"}, 1},
		{"mixed, public first", guard.Options{}, false, "a:80", []string{"1.1.1.1", "::1"}, []string{"1.1.1.1:80"}, 1},
		{"mixed with metadata", guard.Options{}, false, "a:80", []string{"169.254.169.254", "10.0.0.1"}, []string{"10.0.0.1:80"}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := &network{answer: test.answer}
			g := n.guard(test.opts)
			var refusals atomic.Uint64
			ctx := guard.CountRefusals(t.Context(), &refusals)
			if test.after {
				ctx = guard.AfterPublic(ctx)
			}
			conn, err := g.DialContext(ctx, "tcp", test.address)
			if err == nil {
				defer conn.Close()
			}
			if refused(err) != (test.want == nil) {
				t.Errorf("%v", err)
			}
			if diff := cmp.Diff(test.want, n.dialed); diff != "" {
				t.Errorf("dialled (-want +got)\n%s", diff)
			}
			if got := refusals.Load(); got != test.refused {
				t.Errorf("%d refusals counted, want %d", got, test.refused)
			}
		})
	}
}

// TestMixedAnswerFails has a public address that does not answer: the private one
// beside it is not a fallback.
func TestMixedAnswerFails(t *testing.T) {
	n := &network{answer: []string{"10.0.0.1", "1.1.1.1", "2606:4700::1"}, fault: func(context.Context, string) error { return errors.New("unreachable") }}
	_, err := n.guard(guard.Options{}).DialContext(t.Context(), "tcp", "a:80")
	if err == nil || err.Error() != "unreachable" {
		t.Errorf("%v, want unreachable", err)
	}
	if diff := cmp.Diff([]string{"1.1.1.1:80", "[2606:4700::1]:80"}, n.dialed); diff != "" {
		t.Errorf("dialled (-want +got)\n%s", diff)
	}
}

// TestRebinding changes the answers for one name.
func TestRebinding(t *testing.T) {
	n := &network{}
	g := n.guard(guard.Options{})
	var refusals atomic.Uint64
	for i, step := range []struct {
		address, answer string
		ok              bool
	}{
		{"a:80", "10.0.0.1", true}, // private from the start
		{"a:80", "127.0.0.1", true},
		{"a:80", "1.1.1.1", true}, // from now on it counts as public
		{"a:80", "127.0.0.1", false},
		{"a:80", "10.0.0.1", false},
		{"A.:8080", "::ffff:127.0.0.1", false}, // in any spelling
		{"a:80", "8.8.8.8", true},
		{"b:80", "127.0.0.1", true}, // another name
		{"127.0.0.1:80", "", true},  // not a name
	} {
		n.answer = []string{step.answer}
		conn, err := g.DialContext(guard.CountRefusals(t.Context(), &refusals), "tcp", step.address)
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != step.ok || err != nil && !refused(err) {
			t.Errorf("step %d, %s at %s: %v, want passed %v", i, step.address, step.answer, err, step.ok)
		}
	}
	if got := refusals.Load(); got != 3 {
		t.Errorf("%d refusals counted, want 3", got)
	}
}

// TestHappyEyeballs has addresses of which some never answer, in fake time.
func TestHappyEyeballs(t *testing.T) {
	many := make([]string, 20)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{1, 1, 1, byte(i)}).String()
	}
	for _, test := range []struct {
		name   string
		answer []string
		silent []string
		want   []string
		after  time.Duration
		fails  bool
	}{
		{"the first answers", []string{"1.1.1.1", "1.1.1.2"}, nil, []string{"1.1.1.1:80"}, 0, false},
		{"families by turns", []string{"2606::1", "2606::2", "1.1.1.1"}, []string{"[2606::1]:80", "[2606::2]:80"}, []string{"[2606::1]:80", "1.1.1.1:80"}, 250 * time.Millisecond, false},
		{"two are silent", []string{"1.1.1.1", "1.1.1.2", "1.1.1.3"}, []string{"1.1.1.1:80", "1.1.1.2:80"}, []string{"1.1.1.1:80", "1.1.1.2:80", "1.1.1.3:80"}, 500 * time.Millisecond, false},
		{"all are silent", []string{"1.1.1.1"}, []string{"1.1.1.1:80"}, []string{"1.1.1.1:80"}, 30 * time.Second, true},
		{"no more than eight", many, nil, nil, 1750 * time.Millisecond, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				n := &network{answer: test.answer}
				n.fault = func(ctx context.Context, address string) error {
					if test.want == nil { // all fail after the last one has begun
						time.Sleep(1750*time.Millisecond - time.Since(began))
						return errors.New("refused")
					}
					if slices.Contains(test.silent, address) {
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				}
				conn, err := n.guard(guard.Options{}).DialContext(t.Context(), "tcp", "a:80")
				if (err != nil) != test.fails || time.Since(began) != test.after {
					t.Errorf("%v after %v, want failed %v after %v", err, time.Since(began), test.fails, test.after)
				}
				if err == nil {
					_ = conn.Close()
				}
				if test.want == nil {
					if len(n.dialed) != 8 {
						t.Errorf("%d dialled, want 8", len(n.dialed))
					}
				} else if diff := cmp.Diff(test.want, n.dialed); diff != "" {
					t.Errorf("dialled (-want +got)\n%s", diff)
				}
			})
		})
	}
}

// TestLateConnection has two addresses that both accept. The first one is too late, and
// must be closed.
func TestLateConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answer: []string{"1.1.1.1", "1.1.1.2"}}
		n.fault = func(ctx context.Context, address string) error {
			if address == "1.1.1.1:80" {
				<-ctx.Done() // and it succeeds nevertheless
			}
			return nil
		}
		conn, err := n.guard(guard.Options{}).DialContext(t.Context(), "tcp", "a:80")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if len(n.open) != 2 {
			t.Fatalf("%d connections, want 2", len(n.open))
		}
		if _, err := n.open[1].Write([]byte("x")); err == nil {
			t.Error("the late connection is open")
		}
	})
}

// TestCheck checks kept connections for another request.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		answer   string
		after    bool
		isPublic bool
		refused  bool
	}{
		{"1.1.1.1", false, true, false},
		{"1.1.1.1", true, true, false},
		{"10.0.0.1", false, false, false},
		{"10.0.0.1", true, false, true},
	} {
		n := &network{answer: []string{test.answer}}
		g := n.guard(guard.Options{})
		conn, err := g.DialContext(t.Context(), "tcp", "a:80")
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		if test.after {
			ctx = guard.AfterPublic(ctx)
		}
		isPublic, err := g.Check(ctx, wrapped{wrapped{conn}})
		if isPublic != test.isPublic || refused(err) != test.refused {
			t.Errorf("%+v: public %v, %v", test, isPublic, err)
		}
		if test.refused {
			if _, err := conn.Write([]byte("x")); err == nil {
				t.Errorf("%+v: something went out", test)
			}
		}
		_ = conn.Close()
	}
	stranger, other := net.Pipe()
	defer other.Close()
	if _, err := guard.New(guard.Options{}).Check(t.Context(), stranger); err == nil {
		t.Error("a connection that was never judged passed")
	}
}

// wrapped stands for *tls.Conn.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

// TestControl connects with the real Dial of a guard.
func TestControl(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := guard.New(guard.Options{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if _, err := guard.New(guard.Options{DenyPrivate: true}).DialContext(t.Context(), "tcp", listener.Addr().String()); !refused(err) {
		t.Errorf("%v, want refused", err)
	}
}

// TestCheckHost checks hosts to which a proxy would connect.
func TestCheckHost(t *testing.T) {
	for host, want := range map[string]bool{
		"169.254.169.254": true, "::ffff:169.254.169.254": true, "[fe80::1%25eth0]": true, "10.0.0.1": false, "upstream": false, "": false,
	} {
		if err := guard.New(guard.Options{}).CheckHost(t.Context(), host); refused(err) != want {
			t.Errorf("%q: %v, want refused %v", host, err, want)
		}
	}
}

func TestNoAddresses(t *testing.T) {
	var dns *net.DNSError
	_, err := (&network{}).guard(guard.Options{}).DialContext(t.Context(), "tcp", "a:80")
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("%v, want a *net.DNSError", err)
	}
}
