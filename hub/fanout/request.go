package fanout

import (
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/view"
)

// Request is what a client asked for.
type Request struct {
	// Streams are the names of the streams, without repetition. None means
	// hub.DefaultStream. With several names, each document bears the name of its stream.
	Streams []string

	// SkipUnknown lets a client name streams that do not exist, as long as one of them
	// does. It gets a status for each of the others, see hub.SubscribeOptions.
	SkipUnknown bool

	// Hidden names those of Streams that are to this client as streams that do not exist.
	Hidden []string

	// LastEventID is the event after which to resume. Zero means to begin with the newest
	// document. A client that resumes has SkipUnknown, because streams may have been
	// removed meanwhile.
	LastEventID hub.LastEventID

	// Since begins with the documents that history keeps from then on, see
	// hub.SubscribeOptions. The zero time means to begin with the newest document.
	Since time.Time

	// Replay is what the client gets of documents that it missed, or that it is too slow
	// for. hub.ReplayDefault is what each stream says.
	Replay hub.Replay

	// Fresh names those of Streams of which the client has nothing yet although it
	// resumes, see hub.SubscribeOptions.
	Fresh []string

	// View is the form in which the client gets documents.
	View view.View

	// Address is the address of the client, as far as it is known. Clients with the zero
	// Addr count as one for Options.MaxViewsPerAddress. For Options.MaxClientsPerAddress and the
	// log their address is the other end of the connection.
	Address netip.Addr

	// Limit ends the stream after this number of documents, of which 32 bits count. 0
	// means no limit.
	Limit int

	// Until returns until when the client may have these streams, which are some of Streams.
	// The stream ends then, with a status that says so. The zero time means that the client
	// may stay. It is asked when the stream begins and at each Engine.Review, in a
	// goroutine that serves others, so it must not wait. Nil means that the client may stay.
	Until func(streams []string) time.Time

	// HeartbeatEvent makes heartbeats events named "hb", which scripts can receive,
	// instead of comments. The first one comes at once and has the retry time in
	// milliseconds, because scripts cannot read the retry field.
	HeartbeatEvent bool

	// Gzip compresses the stream. The caller also sets Content-Encoding.
	Gzip bool
}

// names returns the names of the streams.
func (r Request) names() []string {
	if len(r.Streams) == 0 {
		return defaultStreams
	}
	return r.Streams
}

// visible returns those of names that are not hidden and can be names of streams.
func (r Request) visible() nameList {
	if len(r.Streams) == 0 && len(r.Hidden) == 0 {
		return defaultList
	}
	visible := make([]string, 0, len(r.names()))
	for _, name := range r.names() {
		if slices.Contains(r.Hidden, name) {
			continue
		}
		if name = cmp.Or(name, hub.DefaultStream); hub.CheckName(name) == nil {
			visible = append(visible, name)
		}
	}
	return newNameList(visible)
}

var (
	defaultStreams = []string{hub.DefaultStream}
	defaultList    = newNameList(defaultStreams)
)

// peer returns the address of the other end of a request's connection.
func peer(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // not of an IP network
	}
	return address.Addr().Unmap()
}
