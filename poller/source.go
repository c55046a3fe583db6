package poller

import (
	"context"
	"io"
	"reflect"
	"time"
)

// Source asks an upstream once. A Source belongs to one stream; the poller calls
// Fetch from one goroutine, never twice at once.
//
// A Source may also be an [io.Closer]: then the poller closes it once it no longer
// uses it. And it may have a method Stats() SourceStats, which is called at any
// time from any goroutine, and shows in [Poller.Status].
type Source interface {
	// Fetch returns the upstream's document, or that it has not changed since
	// the given version, or an error, preferably an [*Error]. It must return
	// when ctx ends. It may panic; that is a failure like any other.
	//
	// since is the Version of the newest document that was published, verbatim,
	// and zero before the first one.
	Fetch(ctx context.Context, since Version) (Reading, error)
}

// Version is what an upstream said about a document so that it can be asked
// whether that is still the newest: the validators of RFC 9110 section 8.8,
// verbatim. The zero Version asks for the document in any case.
type Version struct {
	ETag         string
	LastModified string
}

// Reading is what an upstream answered.
type Reading struct {
	// Document is one JSON document. It need not be compact: the poller makes it so,
	// and anything but one JSON document is a failure of the class "invalid_json".
	// The poller neither modifies nor keeps it.
	Document []byte

	// Looks says what Document looks like, for operators, if it is not JSON. The text must
	// contain no secret. Nil says nothing.
	Looks func() string

	// Version is the upstream's version of Document.
	Version Version

	// Unchanged says that the document of the given version is still the newest (304
	// in HTTP). Document and Version are ignored then.
	Unchanged bool

	// Wait is how long after its answer the upstream wants not to be asked again,
	// whatever Stream.Every is. 0 means no limit. More than Stream.MaxWait counts as
	// that.
	Wait time.Duration

	// Said is what the upstream said of Wait, for operators, for example
	// "Retry-After: 120". It must contain no secret.
	Said string

	// Notice is what an operator should change although the upstream has answered. It is
	// logged when it begins or changes. It must contain no secret.
	Notice string
}

// SourceStats are what a Source counts since it was made.
type SourceStats struct {
	Requests  uint64 // begun; retries, redirects, and those for tokens and logins included
	Retries   uint64 // sent again because a kept connection was lost
	Redirects uint64 // followed
	Refused   uint64 // connections refused because of their address
}

// statsOf returns what a source counted, if it counts.
func statsOf(source any) SourceStats {
	if counting, ok := source.(interface{ Stats() SourceStats }); ok {
		return counting.Stats()
	}
	return SourceStats{}
}

// isSame reports whether two sources are one.
func isSame(a, b any) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// closeSource closes a source that no loop uses any more.
func (p *Poller) closeSource(source any) {
	closer, ok := source.(io.Closer)
	if !ok {
		return
	}
	_, err := guarded("in closing a source", func() (struct{}, error) { return struct{}{}, closer.Close() })
	if err != nil {
		p.opts.Logger.Warn("source not closed", "reason", reasonOf(err))
	}
}
