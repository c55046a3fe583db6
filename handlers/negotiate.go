package handlers

import (
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/polluxhub/pollux/hub/sse"
)

// What a caller accepts (RFC 9110 12.5): items with commas between, each with a
// weight from 0 to 1. Whatever is no item, or has no such weight, is passed over.

// streamType and linesType are the content types of a stream, without parameters.
const (
	streamType = "text/event-stream"
	linesType  = "application/x-ndjson"
)

// weights are what a field says of each item, by name in lower case. Of an item
// that stands there twice the higher weight counts.
type weights map[string]float64

// parseWeights reads all lines of a field. Parameters other than q are not looked
// at: what is offered here has no variants.
func parseWeights(lines []string) weights {
	all := make(weights)
	for _, line := range lines {
		for item := range unquotedSplit(line, ',') {
			if name, weight, ok := parseWeight(item); ok {
				all[name] = max(all[name], weight)
			}
		}
	}
	return all
}

// parseWeight reads one item, such as "text/html; level=1; q=0.5".
func parseWeight(item string) (name string, weight float64, ok bool) {
	weight, first := 1, true
	for part := range unquotedSplit(item, ';') {
		part = strings.TrimSpace(part)
		if first {
			name, first = strings.ToLower(part), false
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		value = strings.TrimSpace(value)
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || q > 1 || strings.Trim(value, "0123456789.") != "" { // and not what else Go reads as a number
			return "", 0, false
		}
		weight = q
	}
	return name, weight, name != ""
}

// unquotedSplit yields the parts of a text between separators that stand in no
// quoted string (RFC 9110 5.6.4).
func unquotedSplit(text string, separator byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		begin, quoted := 0, false
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case quoted && c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case c == separator && !quoted:
				if !yield(text[begin:i]) {
					return
				}
				begin = i + 1
			}
		}
		yield(text[begin:])
	}
}

// of returns the weight of a content type: what is said of it, else of its family
// (text/*), else of all (*/*), else 0.
func (w weights) of(contentType string) float64 {
	family, _, _ := strings.Cut(contentType, "/")
	for _, name := range []string{contentType, family + "/*", "*/*"} {
		if weight, said := w[name]; said {
			return weight
		}
	}
	return 0
}

// wantsLines reports whether the caller prefers lines of JSON to an event stream.
// A caller that likes both alike gets an event stream, and so does one that
// accepts neither: it has always got one, and 406 would help nobody.
func wantsLines(header http.Header) bool {
	accept := parseWeights(header.Values("Accept"))
	return accept.of(linesType) > accept.of(streamType)
}

// wantsStream reports whether the caller says, as EventSource does, that it
// understands event streams: it names them, and does not prefer lines.
func wantsStream(header http.Header) bool {
	return parseWeights(header.Values("Accept"))[streamType] > 0 && !wantsLines(header)
}

// acceptsGzip reports whether the client prefers gzip to nothing, or likes both
// alike (RFC 9110 12.5.3). A client that sends no Accept-Encoding gets plain text.
func acceptsGzip(header http.Header) bool {
	accept := parseWeights(header.Values("Accept-Encoding"))
	gzip, said := accept["gzip"]
	if old, saidOld := accept["x-gzip"]; saidOld { // another name of the same
		gzip, said = max(gzip, old), true
	}
	if !said {
		gzip = accept["*"]
	}
	return gzip > 0 && gzip >= accept["identity"]
}

// contentTypeOf returns the Content-Type of a stream.
func contentTypeOf(lines bool) string {
	if lines {
		return linesType
	}
	return sse.ContentType
}
