package httpjson

import (
	"net/http"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux/poller"
)

// maxValidator is the longest validator that is sent back to the upstream, in bytes.
const maxValidator = 1024

// settled is how much older than the answer a document must be. Last-Modified has
// whole seconds, so until its second is over the document may change without it
// (RFC 9110 section 8.8.2.2).
const settled = time.Second

// validators returns the validators of a response as far as they can be relied on. It
// returns none while the document may still change within the second of its
// Last-Modified, by the clock of the upstream. That holds for an ETag beside it too,
// because many servers make it of that time and the size. An ETag without
// Last-Modified is always relied on.
func validators(header http.Header) poller.Version {
	version := poller.Version{
		ETag:         validator(header.Get("ETag")),
		LastModified: validator(header.Get("Last-Modified")),
	}
	if header.Get("Last-Modified") == "" {
		return version
	}
	modified, err := http.ParseTime(header.Get("Last-Modified"))
	date, err2 := http.ParseTime(header.Get("Date"))
	if err != nil || err2 != nil || date.Sub(modified) < settled {
		return poller.Version{}
	}
	return version
}

// setValidators makes a request conditional, and reports whether it did. Both
// validators are sent, as RFC 9110 section 13.1.3 advises for the sake of old
// caches.
func setValidators(header http.Header, since poller.Version) bool {
	etag, modified := validator(since.ETag), validator(since.LastModified)
	if etag != "" {
		header.Set("If-None-Match", etag)
	}
	if modified != "" {
		header.Set("If-Modified-Since", modified)
	}
	return etag != "" || modified != ""
}

// validator returns s, or "" if s cannot be sent in a header. Without a validator the
// request is unconditional; with an invalid one it could not be sent.
func validator(s string) string {
	if len(s) > maxValidator || !httpguts.ValidHeaderFieldValue(s) {
		return ""
	}
	return s
}
