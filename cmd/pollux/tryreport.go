package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
)

// report is what a trial shows. It has no secret of the configuration: a URL is shown
// without its user and the values of its query, and no header that was sent.
type report struct {
	stream *config.Stream
	trial  *poller.Trial
	path   *journey

	lines strings.Builder
}

// mostShown is how many bytes of a document are shown.
const mostShown = 2000

// mostParts is how many keys of an answer are shown.
const mostParts = 5

// telling are the headers of an answer that decide about the next one.
var telling = []string{
	"Content-Type", "Content-Encoding", "ETag", "Last-Modified", "Cache-Control", "Age", "Vary", "Retry-After", "X-Poll-Interval",
	"RateLimit", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
	"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Retry-After",
	"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset",
}

// text returns the report.
func (r *report) text() string {
	r.line("stream", r.stream.Name)
	for i, answer := range r.path.answers {
		if answer.did != "" {
			r.line("", visible(answer.did))
			continue
		}
		r.line("request", answer.method+" "+config.MaskURL(answer.url))
		r.line("answer", answer.proto+" "+visible(answer.status))
		if location := answer.header.Get("Location"); location != "" {
			r.line("", "Location: "+visible(config.MaskURL(location)))
		}
		if i == len(r.path.answers)-1 {
			r.headers(answer.header)
		}
	}
	r.timing()
	r.documents()
	if r.trial.Reading.Notice != "" {
		r.line("notice", r.trial.Reading.Notice)
	}
	wait, why := waitOf(r.stream, r.trial)
	next := fmt.Sprintf("after %v (%s)", wait, visible(why))
	if r.stream.Source == config.SSE {
		r.line("stays", "connected; if the connection ends, the next one comes "+next)
	} else {
		r.line("next poll", next)
	}
	if r.trial.Err == nil {
		r.line("result", "OK")
	} else {
		class, reason := r.trial.Class()
		r.line("result", "failed, "+class+": "+reason)
	}
	return r.lines.String()
}

// line adds a line, or several if there are line breaks in the text.
func (r *report) line(name, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(&r.lines, "%-10s%s\n", name, line)
		name = ""
	}
}

func (r *report) headers(header http.Header) {
	for _, name := range telling {
		for _, value := range header.Values(name) {
			r.line("", name+": "+visible(value))
		}
	}
}

// timing shows how long the phases took.
func (r *report) timing() {
	var parts []string
	for _, p := range r.path.phases {
		parts = append(parts, p.name+" "+rounded(p.took))
	}
	parts = append(parts, "all "+rounded(r.trial.Took))
	r.line("time", strings.Join(parts, ", "))
}

// documents shows the answer, what would be published, and what the settings that compare
// documents find in it.
func (r *report) documents() {
	t := r.trial
	if t.ID != "" {
		r.line("event", "with the ID "+visible(t.ID))
	}
	if n := len(t.Reading.Document); n > 0 {
		r.line("body", fmt.Sprintf("%d bytes", n))
	}
	if t.Document == nil {
		return
	}
	r.line("document", shown(t.Document))
	for i, part := range t.Parts {
		if i == mostParts {
			r.line("", fmt.Sprintf("and %d keys more", len(t.Parts)-mostParts))
			break
		}
		switch {
		case part.Key != "":
			r.line("key", part.Key+" "+shown(part.Document))
		case r.stream.Select != "":
			r.line("select", shown(part.Document))
		}
		if i == 0 {
			r.comparison(part.Document)
		}
	}
}

// comparison shows what ignore and key find in a document: what they do with the next one.
func (r *report) comparison(data []byte) {
	v, err := document.Parse(data)
	if err != nil {
		return
	}
	for _, text := range r.stream.Ignore {
		pattern, err := document.ParsePattern(text)
		if err != nil {
			continue // the configuration has been judged
		}
		count := 0
		pattern.FindAll(v, func(document.Value) { count++ })
		r.line("ignore", fmt.Sprintf("%s: %s", text, amount(count, "value")))
	}
	if r.stream.Key == "" {
		return
	}
	if pointer, err := document.ParsePointer(r.stream.Key); err == nil {
		with, without := identified(v, pointer)
		r.line("key", fmt.Sprintf("%s: identifies the elements of %s, and not those of %d", r.stream.Key, amount(with, "array"), without))
	}
}

// identified returns in how many arrays of objects in v the value at the pointer identifies
// each element, and in how many it does not.
func identified(v document.Value, pointer document.Pointer) (with, without int) {
	if v.Kind() == document.Array && v.Len() > 0 {
		seen := make(map[string]bool)
		objects, unique := false, true
		for element := range v.Children() {
			objects = objects || element.Kind() == document.Object
			found, ok := pointer.Find(element)
			unique = unique && ok && !seen[string(found.Raw())]
			if ok {
				seen[string(found.Raw())] = true
			}
		}
		switch {
		case objects && unique:
			with++
		case objects:
			without++
		}
	}
	for child := range v.Children() {
		more, less := identified(child, pointer)
		with, without = with+more, without+less
	}
	return with, without
}

func amount(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// shown returns a document as it is shown: indented, and cut if it is long.
func shown(data []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return visible(string(data[:min(len(data), mostShown)]))
	}
	text := strings.ToValidUTF8(string(b.Bytes()[:min(b.Len(), mostShown)]), "")
	if b.Len() > mostShown {
		text += fmt.Sprintf("…\nof %d bytes", len(data))
	}
	return visible(text)
}

// visible returns a text in which no character can do anything to a terminal.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r < 0x7f && r >= ' ', r > 0x7f && unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// rounded returns a time for a person.
func rounded(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
