package document

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote decodes a valid string in quotes. Without escapes, the result is a slice of
// quoted.
func unquote(quoted []byte) []byte {
	text := quoted[1 : len(quoted)-1 : len(quoted)-1]
	escape := bytes.IndexByte(text, '\\')
	if escape < 0 {
		return text
	}
	out := make([]byte, 0, len(text)) // no escape is shorter than what it decodes to
	for escape >= 0 {
		out = append(out, text[:escape]...)
		out, text = appendEscape(out, text[escape:])
		escape = bytes.IndexByte(text, '\\')
	}
	return append(out, text...)
}

// appendEscape appends what the escape at the beginning of text decodes to, and
// returns the text after it.
func appendEscape(out, text []byte) (decoded, rest []byte) {
	c := text[1]
	switch c {
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, rest := code(text[2:]), text[6:]
		if utf16.IsSurrogate(r) {
			if len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
				if pair := utf16.DecodeRune(r, code(rest[2:])); pair != utf8.RuneError {
					return utf8.AppendRune(out, pair), rest[6:]
				}
			}
			return append(out, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F), rest
		}
		return utf8.AppendRune(out, r), rest
	}
	return append(out, c), text[2:]
}

// code returns the value of four hexadecimal digits.
func code(digits []byte) rune {
	var r rune
	for _, c := range digits[:4] {
		switch {
		case c >= 'a':
			c -= 'a' - 10
		case c >= 'A':
			c -= 'A' - 10
		default:
			c -= '0'
		}
		r = r<<4 | rune(c)
	}
	return r
}

// sameText reports whether two strings in quotes are equal once decoded.
func sameText(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return false
	}
	return bytes.Equal(unquote(a), unquote(b))
}
