package sse

import (
	"strconv"
	"strings"
)

// specResult is the result of a whole stream.
type specResult struct {
	events  []wireEvent
	lastID  string
	retryMS int64 // -1 if none was set
}

// wireEvent is an event as a browser shows it to a page.
type wireEvent struct {
	Type        string `json:"type"`
	Data        string `json:"data"`
	LastEventID string `json:"lastEventId"`
}

// specParse is HTML 9.2.5 and 9.2.6, sentence by sentence, for a whole stream of code
// points. It is slow and shares no code with Decoder, so that the two can be compared.
func specParse(stream []byte) specResult {
	text := specUTF8Decode(stream)
	text = strings.TrimPrefix(text, "\uFEFF") // "UTF-8 decode" drops one mark
	res := specResult{retryMS: -1}
	var data, eventType, id string

	// The stream is parsed line by line; a rest without a line end is not a line.
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	lines := strings.Split(text, "\n")
	for _, line := range lines[:len(lines)-1] {
		if line == "" {
			// Dispatch the event.
			res.lastID = id
			if data == "" {
				eventType = ""
				continue
			}
			e := wireEvent{Type: "message", Data: strings.TrimSuffix(data, "\n"), LastEventID: res.lastID}
			if eventType != "" {
				e.Type = eventType
			}
			res.events = append(res.events, e)
			data, eventType = "", ""
			continue
		}
		if strings.HasPrefix(line, ":") {
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			eventType = value
		case "data":
			data += value + "\n"
		case "id":
			if !strings.Contains(value, "\x00") {
				id = value
			}
		case "retry":
			if value != "" && strings.Trim(value, "0123456789") == "" {
				// The standard has no bound; that of the package is a Duration.
				if n, err := strconv.ParseInt(value, 10, 64); err == nil && n <= 9223372036854 {
					res.retryMS = n
				}
			}
		}
	}
	return res
}

// specUTF8Decode is the UTF-8 decoder of the Encoding Standard, section 8.1.1,
// with the error mode "replacement".
func specUTF8Decode(stream []byte) string {
	var out strings.Builder
	var codePoint rune
	needed, seen := 0, 0
	lower, upper := byte(0x80), byte(0xBF)
	for i := 0; i < len(stream); i++ {
		b := stream[i]
		if needed == 0 {
			switch {
			case b <= 0x7F:
				out.WriteByte(b)
			case b >= 0xC2 && b <= 0xDF:
				needed, codePoint = 1, rune(b&0x1F)
			case b >= 0xE0 && b <= 0xEF:
				if b == 0xE0 {
					lower = 0xA0
				}
				if b == 0xED {
					upper = 0x9F
				}
				needed, codePoint = 2, rune(b&0xF)
			case b >= 0xF0 && b <= 0xF4:
				if b == 0xF0 {
					lower = 0x90
				}
				if b == 0xF4 {
					upper = 0x8F
				}
				needed, codePoint = 3, rune(b&0x7)
			default:
				out.WriteRune('\uFFFD')
			}
			continue
		}
		if b < lower || b > upper {
			codePoint, needed, seen, lower, upper = 0, 0, 0, 0x80, 0xBF
			i-- // restore the byte to the stream
			out.WriteRune('\uFFFD')
			continue
		}
		lower, upper = 0x80, 0xBF
		codePoint = codePoint<<6 | rune(b&0x3F)
		seen++
		if seen == needed {
			out.WriteRune(codePoint)
			codePoint, needed, seen = 0, 0, 0
		}
	}
	if needed != 0 {
		out.WriteRune('\uFFFD')
	}
	return out.String()
}
