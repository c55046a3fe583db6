package pollux

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/handlers/metrics"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/internal/endpoint"
	"github.com/polluxhub/pollux/internal/listen"
	"github.com/polluxhub/pollux/internal/logqueue"
	"github.com/polluxhub/pollux/internal/machine"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/static"
)

// DefaultDrain is the default of Options.Drain.
const DefaultDrain = 6 * time.Second

// DefaultDirectory is the default of ACME.Directory: Let's Encrypt.
const DefaultDirectory = listen.DefaultDirectory

// Options configure a Pollux. New copies them. A limit or a timeout is an option of
// the package that it belongs to: Hub, Engine and HTTP are the options of those
// packages. New sets the fields in them that connect the packages to each other, and
// ignores what they were: it says for each of the three which these are.
type Options struct {
	// Streams are the streams at first, see [Pollux.SetStreams]. None means
	// hub.DefaultStream alone, which is only published to.
	Streams []Stream

	// Listen are the addresses that Run serves on: HOST:PORT, unix:/PATH, systemd for the
	// sockets that systemd has passed, or systemd:NAME for those of one name. If only this
	// machine can reach them, pages of all loopback origins can read the API. None means
	// that the Handler is mounted in another server.
	Listen []string

	// SocketMode is the mode of Unix sockets. A program that may write to one may connect. 0
	// means listen.DefaultMode, 0660.
	SocketMode fs.FileMode

	// Public says that everybody who reaches the server may read the streams with
	// AccessPublic. Without it, New refuses such streams unless only this machine can
	// reach what Run serves on. It does not matter for a Handler that is mounted in
	// another server.
	Public bool

	// Access says who can read the streams that do not say it themselves.
	Access Access

	// Tokens are the tokens by which callers can read and publish. Nil means none. For
	// JWT.Keys, see KeysFrom.
	Tokens *auth.Options

	// Listeners are listeners to serve on instead of Listen. Run closes them.
	Listeners []net.Listener

	// TLS says where the certificate comes from. Clients then need TLS 1.2 or above, and
	// may use HTTP/2 unless HTTP2 is off, except on Unix sockets, which stay without. The zero value means
	// HTTP without TLS.
	TLS TLS

	// H2C lets clients use HTTP/2 without TLS if they begin with it (RFC 9113 3.3).
	H2C bool

	// ProxyProtocol says that connections from HTTP.TrustedProxies begin with a header of
	// the PROXY protocol, version 1 or 2, and have the address that is in it.
	ProxyProtocol bool

	// AdminListen is the address that Run serves operators on, as in Listen. Without
	// Admin.Token it has to be a loopback address or a Unix socket. Another address has
	// the certificate of TLS, if there is one. Empty means none: then /metrics is served
	// with everything else.
	AdminListen string

	// Admin says what operators can do there. Reload is required with AdminListen. New sets
	// Metrics, Engine, Readiness, Upstreams, Counts and Logger.
	Admin handlers.AdminOptions

	// Follow makes it a leaf of another Pollux: it polls nothing, and has the streams, the
	// documents and the IDs of that one. Nil means not. It does not go with Streams.
	Follow *Follow

	// Drain is the time over which streams end at shutdown. 0 means DefaultDrain,
	// less than 0 that all end at once.
	Drain time.Duration

	// LameDuck is how long everything is served at shutdown before streams end, while
	// /readyz answers 503, so that load balancers stop sending clients. 0 means not at
	// all.
	LameDuck time.Duration

	// ReadyWithDocuments makes /readyz answer 503 until each stream has a document that
	// is polled whether somebody listens or not. Streams with keys do not count. Once
	// it has answered 200, a failing upstream does not change that.
	ReadyWithDocuments bool

	// Limits are how the descriptors of the process are divided. The zero value
	// means that New divides them, as NewLimits does, and takes MaxClients and
	// MaxConnections of Engine for what is wanted.
	Limits Limits

	// Log is the timeline. Nil means one in memory, which ends with the process. Run opens
	// it, and closes it when everything else has ended.
	Log Log

	// Nodes are other Pollux with the same Log, of which one polls each stream. Run closes
	// them. Nil means that this one polls all of its streams.
	Nodes Nodes

	// Hub says how much history is kept. New sets Streams and MaxData, and Log if there is
	// one.
	// TotalHistoryBytes is by default a quarter of the memory that the control group
	// or GOMEMLIMIT allows, and at most hub.DefaultTotalHistoryBytes.
	Hub hub.Options

	// Engine says what is asked of clients. New sets Hub, MaxClients, MaxConnections,
	// Key, Template and Logger. HeldBytes is by default an eighth of the memory that the control
	// group or GOMEMLIMIT allows, and at most fanout.DefaultHeldBytes.
	Engine fanout.Options

	// HTTP says how requests are answered. New sets Hub, Publisher, Engine, Upstreams,
	// UpstreamOf, Polled, PollNow, Refresh, Nodes, PollAuth, PublishAuth, Tokens, Guarded, HostNames, Readiness, Counts and Logger, and Metrics too unless
	// there is a Registerer. Assets are by default the dashboard of Pollux.
	HTTP handlers.Options

	// Trace is told of each poll and its steps, see poller.Options. Nil means nobody.
	Trace poller.Trace

	// Registerer gets the metrics of Pollux, until Run has ended. There is no /metrics
	// then, unless HTTP.Metrics is set. Nil means that /metrics serves them, and those
	// of the Go runtime and the process.
	Registerer metrics.Registerer

	// TuneRuntime lets Run change what belongs to the whole process while it runs. It
	// is for a process that does little else. While many clients join at once without
	// TLS, garbage is collected later than usual, unless GOGC is set. If the control group
	// of the process has a limit of memory and GOMEMLIMIT is not set, the soft limit
	// of the Go runtime becomes four fifths of it.
	TuneRuntime bool

	// Logger gets the log. Nil means slog.Default.
	Logger *slog.Logger

	// LogDropped returns how many records of the log were dropped, for the metrics.
	// Nil means none.
	LogDropped func() uint64

	// Version names the version of the program, in the log and in the metrics. Empty
	// means that of this module.
	Version string
}

// withDefaults returns a copy with defaults in place of zeros. What belongs to one of
// the packages is left to that package.
func (o Options) withDefaults() (Options, error) {
	if o.AdminListen != "" && o.Admin.Reload == nil {
		return o, errors.New("pollux: AdminListen without Admin.Reload")
	}
	if o.AdminListen != "" && !o.Admin.Token.IsSet() && !listen.IsLocal(o.AdminListen) {
		return o, &OpenError{Admin: o.AdminListen}
	}
	if (o.TLS.IsSet() || o.H2C || o.ProxyProtocol) && !o.serves() {
		return o, errors.New("pollux: TLS, H2C or ProxyProtocol without Listen or Listeners")
	}
	if o.ProxyProtocol && len(o.HTTP.TrustedProxies) == 0 {
		return o, errors.New("pollux: ProxyProtocol without HTTP.TrustedProxies")
	}
	if o.Follow != nil && (len(o.Streams) > 0 || o.Log != nil) {
		return o, errors.New("pollux: Follow with Streams or Log: a leaf has those of its origin")
	}
	if o.Nodes != nil && o.Log == nil {
		return o, errors.New("pollux: Nodes without Log")
	}
	if o.LameDuck < 0 {
		return o, fmt.Errorf("pollux: LameDuck is %v, want more than 0, or 0 for none", o.LameDuck)
	}
	if o.Drain == 0 {
		o.Drain = DefaultDrain
	}
	o.Drain = max(o.Drain, 0)
	if o.Hub.TotalHistoryBytes == 0 {
		o.Hub.TotalHistoryBytes = machine.HistoryTotal(machine.MemoryLimits()...)
	}
	if o.Engine.HeldBytes == 0 {
		o.Engine.HeldBytes = machine.HeldTotal(machine.MemoryLimits()...)
	}
	if o.HTTP.Assets == nil {
		o.HTTP.Assets = static.Files
	}
	// A visitor who can open the page can ask by hand.
	o.HTTP.AllowLoopback = o.HTTP.AllowLoopback || o.isLocal()
	o.HTTP.CheckHosts = o.HTTP.CheckHosts || o.isLoopback() || o.TLS.IsSet()
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Version = cmp.Or(o.Version, Version())
	return o, nil
}

// serves reports whether there is something to serve on.
func (o Options) serves() bool { return len(o.Listen)+len(o.Listeners) > 0 }

// places returns where Run serves.
func (o Options) places() (places []endpoint.Endpoint) {
	for _, listener := range o.Listeners {
		places = append(places, endpoint.Endpoint{Network: listener.Addr().Network(), Text: listener.Addr().String()})
	}
	if len(o.Listeners) > 0 {
		return places
	}
	for _, address := range o.Listen {
		places = append(places, listen.Places(address)...)
	}
	return places
}

// isLocal reports whether only this machine can reach what is served.
func (o Options) isLocal() bool { return o.serves() && o.open() == "" }

// isLoopback reports whether only browsers of this machine can reach what is served. They
// do not reach a Unix socket.
func (o Options) isLoopback() bool {
	return o.isLocal() && slices.ContainsFunc(o.places(), func(at endpoint.Endpoint) bool { return at.Network == endpoint.TCP })
}

// open returns an address that other machines may reach, or "" if there is none.
func (o Options) open() string {
	places := o.places()
	i := slices.IndexFunc(places, func(at endpoint.Endpoint) bool { return !at.IsLocal() })
	if i < 0 {
		return ""
	}
	return places[i].Text
}

// TLS says where the certificate of a server comes from, and whether clients use HTTP/2.
type TLS = listen.TLS

// HTTP2 says which clients with TLS use HTTP/2.
type HTTP2 = listen.HTTP2

// The values of HTTP2: clients use it if they can, if they do not offer HTTP/1.1, or not at
// all.
const (
	HTTP2First  = listen.HTTP2First
	HTTP2Second = listen.HTTP2Second
	HTTP2Off    = listen.HTTP2Off
)

// HTTP2s returns the values of HTTP2.
func HTTP2s() []HTTP2 { return listen.HTTP2s() }

// ACME says how certificates are obtained from an authority.
type ACME = listen.ACME

// LogQueue is a writer for the handler of Options.Logger, so that no goroutine that
// serves clients waits for the reader of the log. Write takes a whole record and never
// waits. A record for which there is no room, in 4,096 records or 1 MiB, is dropped and
// counted, and the log says how many are missing. Dropped is for Options.LogDropped.
// Close waits for half a second at most until the rest is written.
type LogQueue = logqueue.Queue

// NewLogQueue returns a queue in front of out, and starts its goroutine, which Close
// ends. handler makes a handler that formats the notices about missing records.
func NewLogQueue(out io.Writer, handler func(io.Writer) slog.Handler) *LogQueue {
	return logqueue.New(out, handler)
}
