package httpjson

import (
	"bytes"
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

var shapes = []shape{
	{words: "it is gzip, which Content-Encoding does not say", begins: []string{"\x1f\x8b"}, obvious: true},
	{words: "it begins with )]}', which is not JSON", begins: []string{")]}'"}, obvious: true},
	{words: "it begins with a byte order mark", begins: []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"}, obvious: true},
	{words: "it is an HTML page", media: "text/html", begins: []string{"<!doctype html", "<html"}},
	{words: "it is an event stream", media: "text/event-stream", begins: []string{"data:", "event:", "retry:", "id:", ": "}},
	{words: "it is XML", media: "application/xml", begins: []string{"<?xml"}},
	{words: "it is JavaScript", media: "application/javascript"},
	{words: "it is several JSON documents, one in each line", media: "application/x-ndjson"},
}

// looks returns what an answer looks like that is not a JSON document, in words for
// operators: its kind, and how it begins, if that is text and has no secret in it.
func (c *client) looks(header http.Header, body []byte) string {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	start := bytes.TrimLeft(body[:min(len(body), mostQuoted)], " \t\r\n")
	for _, kind := range shapes {
		begins := slices.ContainsFunc(kind.begins, func(prefix string) bool { return beginsWith(start, prefix) })
		switch {
		case begins && kind.obvious:
			return kind.words
		case begins || kind.media != "" && kind.media == media:
			return kind.words + c.quote(body)
		}
	}
	if media == "" {
		return "it has no Content-Type" + c.quote(body)
	}
	return "its Content-Type is " + printable(media) + c.quote(body)
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
	start := body[:min(len(body), mostQuoted)]
	for range utf8.UTFMax - 1 { // a character may be cut
		if r, size := utf8.DecodeLastRune(start); r == utf8.RuneError && size == 1 {
			start = start[:len(start)-1]
		}
	}
	text := strings.Join(strings.Fields(string(start)), " ")
	if text == "" || c.isSecret(text) || strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return ""
	}
	return ", and begins " + text
}

// leastSecret is the shortest value that counts as a secret. A shorter one, such as "1",
// is in every text.
const leastSecret = 4

// isSecret reports whether a text has a part of what was configured: of a value of a
// header, of user and password, of a value of the query, or of the body.
func (c *client) isSecret(text string) bool {
	within := func(secret string) bool { return strings.Contains(text, secret) }
	for _, file := range c.files {
		if slices.ContainsFunc(parts(file.current.Load().value), within) {
			return true
		}
	}
	return slices.ContainsFunc(c.secrets, within)
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
