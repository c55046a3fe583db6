package httpjson

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
)

// Format is what the body of an answer is. A body that is not JSON becomes a JSON document.
type Format string

// Formats that bodies can have.
const (
	FormatJSON   Format = "json"   // one JSON document
	FormatText   Format = "text"   // a text, which becomes one string
	FormatCSV    Format = "csv"    // RFC 4180 with a header line, also with ';' or tabs: an array of objects, whose values are strings
	FormatNDJSON Format = "ndjson" // a JSON document in each line: an array of them
)

var formats = []Format{FormatJSON, FormatText, FormatCSV, FormatNDJSON}

// Formats returns every format that Options.Format may have.
func Formats() []Format { return slices.Clone(formats) }

// CheckCharset returns nil for a name that Options.Charset may have: a label of the WHATWG
// Encoding Standard, such as "iso-8859-1".
func CheckCharset(label string) error {
	if found, _ := charset.Lookup(label); found == nil {
		return errors.New("want a name of the WHATWG Encoding Standard, for example iso-8859-1")
	}
	return nil
}

// mostPrefix is the length of the longest Options.StripPrefix, in bytes.
const mostPrefix = 100

// CheckPrefix returns nil for a text that Options.StripPrefix may have.
func CheckPrefix(text string) error {
	if text == "" || len(text) > mostPrefix {
		return fmt.Errorf("want 1 to %d bytes", mostPrefix)
	}
	return nil
}

// convert turns the body of an answer into JSON. The result of a body that was JSON is not
// checked.
func (c *client) convert(header http.Header, body []byte) ([]byte, *poller.Error) {
	body, failure := c.decode(header, body)
	if failure != nil {
		return nil, failure
	}
	body = bytes.TrimPrefix(body, []byte(c.stripPrefix))
	var result []byte
	var err error
	switch c.format {
	case FormatText:
		result, err = fromText(body)
	case FormatCSV:
		result, err = fromCSV(body, c.maxBody)
	case FormatNDJSON:
		result, err = fromNDJSON(body)
	default:
		return body, nil
	}
	switch {
	case errors.Is(err, errTooLarge) || int64(len(result)) > c.maxBody:
		return nil, tooLarge(c.maxBody, 0)
	case err != nil:
		return nil, fail(classFormat, "the answer is not "+string(c.format)+": "+err.Error(), err)
	}
	return result, nil
}

// decode turns a body into UTF-8, from Options.Charset, or from the charset that the answer
// names if the body is not UTF-8 as it is: many servers name a wrong one.
func (c *client) decode(header http.Header, body []byte) ([]byte, *poller.Error) {
	label := c.charset
	if label == "" {
		_, parameters, _ := mime.ParseMediaType(header.Get("Content-Type")) // a wrong one names no charset
		label = parameters["charset"]
		if label == "" || !strings.HasPrefix(strings.ToLower(label), "utf-16") && utf8.Valid(body) {
			return body, nil
		}
	}
	from, name := charset.Lookup(label)
	if from == nil || name == "utf-8" {
		return body, nil
	}
	decoded, err := readAll(from.NewDecoder().Reader(bytes.NewReader(body)), 0, c.maxBody)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, tooLarge(c.maxBody, 0)
	case err != nil || name == "replacement":
		return nil, fail(classEncoding, "the answer is not in the charset "+name, nil)
	}
	return decoded, nil
}

var errNotUTF8 = errors.New("it is not UTF-8; charset says what it is")

func fromText(body []byte) ([]byte, error) {
	if !utf8.Valid(body) {
		return nil, errNotUTF8
	}
	return encodeString(body), nil
}

// encodeString returns a JSON string.
func encodeString(text []byte) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(string(text)); err != nil {
		panic("httpjson: a string cannot be encoded")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// fromCSV returns an array with an object for each line but the first one, which names the
// members.
func fromCSV(body []byte, most int64) ([]byte, error) {
	if !utf8.Valid(body) {
		return nil, errNotUTF8
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	reader := csv.NewReader(bytes.NewReader(body))
	reader.Comma, reader.ReuseRecord = separatorOf(body), true
	names, err := reader.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it has no header line")
	case err != nil:
		return nil, err
	}
	keys := make([][]byte, len(names))
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("columns %d and %d of the header line have the same name", slices.Index(names, name)+1, i+1)
		}
		keys[i] = append(encodeString([]byte(name)), ':')
	}
	result := []byte{'['}
	for {
		record, err := reader.Read()
		switch {
		case errors.Is(err, io.EOF):
			return append(result, ']'), nil
		case err != nil:
			return nil, err
		case int64(len(result)) > most:
			return nil, errTooLarge
		}
		if len(result) > 1 {
			result = append(result, ',')
		}
		for i, value := range record {
			separator := byte(',')
			if i == 0 {
				separator = '{'
			}
			result = append(append(append(result, separator), keys[i]...), encodeString([]byte(value))...)
		}
		result = append(result, '}')
	}
}

// separatorOf returns what separates the fields of CSV: of ',', ';' and tab the one that is most
// often in the header line, outside of quotes. Spreadsheets write ';' where ',' is in numbers.
func separatorOf(body []byte) rune {
	var counts [utf8.RuneSelf]int
	quoted := false
header:
	for _, c := range body {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			break header
		case c < utf8.RuneSelf:
			counts[c]++
		}
	}
	best := ','
	for _, other := range ";\t" {
		if counts[other] > counts[best] {
			best = other
		}
	}
	return best
}

// fromNDJSON returns an array of the documents in the lines. Empty lines are left out.
func fromNDJSON(body []byte) ([]byte, error) {
	result := []byte{'['}
	number := 0
	for line := range bytes.Lines(body) {
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		compact, err := document.Compact(line)
		if err != nil {
			return nil, fmt.Errorf("line %d is not one JSON document", number)
		}
		if len(result) > 1 {
			result = append(result, ',')
		}
		result = append(result, compact...)
	}
	return append(result, ']'), nil
}
