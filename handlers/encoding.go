package handlers

import (
	"net/http"
	"strconv"
	"strings"
)

// acceptsGzip reports whether the client prefers gzip to nothing, or likes both
// alike (RFC 9110 12.5.3). Who sends no Accept-Encoding gets plain text.
func acceptsGzip(header http.Header) bool {
	gzip, identity, rest := -1.0, -1.0, -1.0
	for _, line := range header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			coding, parameter, _ := strings.Cut(item, ";")
			weight := 1.0
			if name, value, found := strings.Cut(parameter, "="); found && strings.EqualFold(strings.TrimSpace(name), "q") {
				q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				if err != nil || q < 0 || q > 1 {
					continue // not a preference
				}
				weight = q
			}
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				gzip = weight
			case "identity":
				identity = weight
			case "*":
				rest = weight
			}
		}
	}
	if gzip < 0 {
		gzip = rest
	}
	return gzip > 0 && gzip >= identity
}
