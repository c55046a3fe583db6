package httpjson

import (
	"net/http"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// maxValidator bounds what an upstream may have sent back to it, in bytes.
const maxValidator = 1024

// settled is how much older than the answer a document must be. Last-Modified has
// whole seconds, so until its second is over the document may change without it
// (RFC 9110 section 8.8.2.2).
const settled = time.Second

// validators returns what the response says of its document, as far as it can be
// relied on: nothing while the document may change without that, by the clock of
// the upstream alone. An ETag waits as well, for many are made of that time and
// the size. An ETag alone is taken at its word.
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

// validator returns s, or nothing if it cannot travel in a header: without it
// the document is asked for in any case, with it no request could be sent.
func validator(s string) string {
	if len(s) > maxValidator || !isFieldValue(s) {
		return ""
	}
	return s
}
