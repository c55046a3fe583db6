package httpjson

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostQuoted is how many bytes of an answer that is no document an operator sees.
const mostQuoted = 80

// shape is what many answers are that are no JSON document.
type shape struct {
	words   string
	media   string   // its Content-Type
	begins  []string // or how it begins, in lower case
	obvious bool     // the words say how it begins
}

// mediaEvents is the media type of Server-Sent Events.
const mediaEvents = "text/event-stream"

const linesWords = "it is several JSON documents, one in each line, which format: ndjson takes"

var shapes = []shape{
	{words: "it is gzip, which Content-Encoding does not say", begins: []string{"\x1f\x8b"}, obvious: true},
	{words: "it begins with )]}', which strip_prefix can remove", begins: []string{")]}'"}, obvious: true},
	{words: "it begins with a byte order mark", begins: []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"}, obvious: true},
	{words: "it is an HTML page", media: "text/html", begins: []string{"<!doctype html", "<html"}},
	{words: "it is an event stream", media: mediaEvents, begins: []string{"data:", "event:", "retry:", "id:", ": "}},
	{words: "it is XML", media: "application/xml", begins: []string{"<?xml"}},
	{words: "it is JavaScript", media: "application/javascript"},
	{words: linesWords, media: "application/x-ndjson"},
	{words: "it is CSV, which format: csv takes", media: "text/csv"},
}

// looks returns what an answer looks like that is not a JSON document, in words for
// operators: its kind, and how it begins, if that is text and has no secret in it.
func (c *client) looks(header http.Header, body []byte) string {
	kind, media := shapeOf(header, body), mediaOf(header)
	switch {
	case kind != nil && kind.obvious:
		return kind.words
	case kind != nil:
		return kind.words + c.quote(body)
	case isLines(body):
		return linesWords + c.quote(body)
	case !utf8.Valid(wholeCharacters(body)):
		return "it is not UTF-8, and charset can say what it is"
	case media == "":
		return "it has no Content-Type" + c.quote(body)
	}
	return "its Content-Type is " + printable(media) + c.quote(body)
}

// mediaOf returns the media type of an answer, without parameters; "" if it has none.
func mediaOf(header http.Header) string {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

// shapeOf returns what an answer is that is no JSON document, or nil if it is none of shapes.
func shapeOf(header http.Header, body []byte) *shape {
	media := mediaOf(header)
	start := bytes.TrimLeft(body[:min(len(body), mostQuoted)], " \t\r\n")
	for i, kind := range shapes {
		begins := slices.ContainsFunc(kind.begins, func(prefix string) bool { return beginsWith(start, prefix) })
		if begins || kind.media != "" && kind.media == media {
			return &shapes[i]
		}
	}
	return nil
}

// isLines reports whether the first two lines are a JSON document each.
func isLines(body []byte) bool {
	first, rest, found := bytes.Cut(body, []byte("\n"))
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	return found && json.Valid(first) && json.Valid(second)
}

// wholeCharacters returns a beginning of UTF-8 without a last character that was cut.
func wholeCharacters(start []byte) []byte {
	for range utf8.UTFMax - 1 {
		if r, size := utf8.DecodeLastRune(start); r == utf8.RuneError && size == 1 {
			start = start[:len(start)-1]
		}
	}
	return start
}

// beginsWith reports whether a text begins with a prefix in lower case, whatever the case of
// its letters. Either may be no UTF-8.
func beginsWith(text []byte, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// quote returns how a body begins, or nothing where that may tell a secret.
func (c *client) quote(body []byte) string {
	start := wholeCharacters(body[:min(len(body), mostQuoted)])
	text := strings.Join(strings.Fields(string(start)), " ")
	whole := body[:min(len(body), mostQuoted+maxFile)] // a secret may be cut
	if at := c.secretIn(string(whole)); text == "" || at >= 0 && at < len(start) || strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return ""
	}
	return ", and begins " + text
}

// leastSecret is the shortest value that counts as a secret. A shorter one, such as "1",
// is in every text.
const leastSecret = 4

// isSecret reports whether a text has a part of what was configured: of a value of a
// header, of user and password, of a value of the query, or of the body.
func (c *client) isSecret(text string) bool { return c.secretIn(text) >= 0 }

// secretIn returns where a text has the first part of what was configured; -1 if it has
// none.
func (c *client) secretIn(text string) int {
	first := -1
	look := func(secrets []string) {
		for _, secret := range secrets {
			if at := strings.Index(text, secret); at >= 0 && (first < 0 || at < first) {
				first = at
			}
		}
	}
	for of := c; of != nil; of = of.asks {
		of.eachSecret(look)
		if of.entrance != nil {
			look(parts(of.entrance.secrets()...))
			of.entrance.client().eachSecret(look)
		}
	}
	return first
}

// eachSecret calls look with the parts of what the client itself sends.
func (c *client) eachSecret(look func([]string)) {
	look(c.secrets)
	for _, file := range c.files {
		look(parts(file.current.Load().value))
	}
	if c.cookies != nil {
		look(parts(c.cookies.values()...))
	}
}

// quotable returns a text of an upstream as an operator sees it: in one line, and not all
// of a long one. It is empty where that may tell a secret, or hurt a terminal.
func (c *client) quotable(text string) string {
	if c.isSecret(text) {
		return ""
	}
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 2*mostQuoted {
		text = string(runes[:2*mostQuoted]) + "…"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return ""
	}
	return text
}

// parts returns the parts of values that count as secrets, each once. A value may be a body
// of a megabyte.
func parts(values ...string) []string {
	var list []string
	for _, value := range values {
		for _, part := range strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len(part) >= leastSecret {
				list = append(list, part)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// secretsOf returns what must not be quoted from an answer, which may echo the request.
func secretsOf(target *url.URL, header http.Header, body []byte) []string {
	secrets := []string{string(body)}
	for name, values := range header {
		switch name {
		case "Accept", "Accept-Encoding", "Content-Type", "Host", "User-Agent":
		default:
			secrets = append(secrets, values...)
		}
	}
	for _, values := range target.Query() {
		secrets = append(secrets, values...)
	}
	if target.User != nil {
		password, _ := target.User.Password()
		secrets = append(secrets, target.User.Username(), password)
	}
	return parts(secrets...)
}
