package poller

import (
	"context"
	"time"
)

// Source asks an upstream once. A Source belongs to one stream; the poller
// calls it from one goroutine, never twice at once.
type Source interface {
	// Fetch returns the upstream's document, or that it has not changed since
	// the given version, or an error, preferably an [*Error]. It must return
	// when ctx ends. It may panic; that is a failure like any other.
	//
	// since is the Version of the newest document that was published, verbatim,
	// and zero if there is none.
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
	// Document is one JSON document. The poller makes it compact; what is none
	// is a failure of the class "invalid_json". The poller does not modify it,
	// and does not keep it.
	Document []byte

	// Version is what the upstream said about Document.
	Version Version

	// Unchanged says that the document of the version asked for is still the
	// newest (304 in HTTP). Document and Version are ignored then.
	Unchanged bool

	// Wait is the least time until the upstream wants to be asked again, from
	// its answer on, whatever Stream.Every says. 0 means no limit. More
	// than MaxWait counts as MaxWait.
	Wait time.Duration
}
