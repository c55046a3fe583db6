package handlers

import (
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/polluxhub/pollux/hub/sse"
)

// Content negotiation (RFC 9110 12.5). A field is a list of items, each with a weight
// from 0 to 1. Malformed items are ignored.

// streamType and linesType are the content types of a stream, without parameters.
const (
	streamType = "text/event-stream"
	linesType  = "application/x-ndjson"
)

// weights are the items of a field. They are few, so a list takes less than a map.
type weights []weighted

// weighted is one item: its name in lower case, and its weight.
type weighted struct {
	name   string
	weight float64
}

// parseWeights parses all lines of a field. It ignores parameters other than q,
// because no content type here has variants.
func parseWeights(lines []string) weights {
	var all weights
	for _, line := range lines {
		for item := range unquotedSplit(line, ',') {
			if name, weight, ok := parseWeight(item); ok {
				all = append(all, weighted{name, weight})
			}
		}
	}
	return all
}

// parseWeight parses one item, such as "text/html; level=1; q=0.5".
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
		if err != nil || q > 1 || strings.Trim(value, "0123456789.") != "" { // ParseFloat also takes 1e-1 and NaN
			return "", 0, false
		}
		weight = q
	}
	return name, weight, name != ""
}

// unquotedSplit splits a text at the separators outside quoted strings (RFC 9110
// 5.6.4).
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

// find returns the weight of an item, the highest one if it is repeated, and reports
// whether it is there.
func (w weights) find(name string) (weight float64, said bool) {
	for _, one := range w {
		if one.name == name {
			weight, said = max(weight, one.weight), true
		}
	}
	return weight, said
}

// of returns the weight of a content type: its own, that of its family (text/*), that
// of all types (*/*), or 0.
func (w weights) of(contentType string) float64 {
	family, _, _ := strings.Cut(contentType, "/")
	for _, name := range []string{contentType, family + "/*", "*/*"} {
		if weight, said := w.find(name); said {
			return weight
		}
	}
	return 0
}

// wantsLines reports whether the caller prefers lines of JSON to an event stream. A
// caller with equal weights for both gets an event stream. So does a caller that
// accepts neither, because 406 would not help it.
func wantsLines(header http.Header) bool {
	accept := parseWeights(header.Values("Accept"))
	return accept.of(linesType) > accept.of(streamType)
}

// wantsStream reports whether the caller names text/event-stream, as an EventSource
// does, and does not prefer lines.
func wantsStream(header http.Header) bool {
	accept := parseWeights(header.Values("Accept"))
	named, _ := accept.find(streamType)
	return named > 0 && accept.of(linesType) <= accept.of(streamType)
}

// acceptsGzip reports whether the weight of gzip is at least that of identity (RFC 9110
// 12.5.3). A client without Accept-Encoding gets uncompressed content.
func acceptsGzip(header http.Header) bool {
	accept := parseWeights(header.Values("Accept-Encoding"))
	gzip, said := accept.find("gzip")
	if old, saidOld := accept.find("x-gzip"); saidOld { // an alias of gzip
		gzip, said = max(gzip, old), true
	}
	if !said {
		gzip, _ = accept.find("*")
	}
	plain, _ := accept.find("identity")
	return gzip > 0 && gzip >= plain
}

// contentTypeOf returns the Content-Type of a stream.
func contentTypeOf(lines bool) string {
	if lines {
		return linesType
	}
	return sse.ContentType
}
