package httpjson

import (
	"net/http"

	"github.com/polluxhub/pollux/poller"
)

// maxValidator bounds what an upstream may have sent back to it, in bytes.
const maxValidator = 1024

// validators returns what the response says of its document.
func validators(header http.Header) poller.Version {
	return poller.Version{
		ETag:         validator(header.Get("ETag")),
		LastModified: validator(header.Get("Last-Modified")),
	}
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
