package sse

import "unicode/utf8"

// appendUTF8 appends src to dst, decoded as by the WHATWG Encoding Standard: each
// maximal subpart of an ill-formed sequence becomes one U+FFFD, as in browsers. Go's
// own conversions write one for each byte, and strings.ToValidUTF8 one for each run.
func appendUTF8(dst, src []byte) []byte {
	if utf8.Valid(src) { // the common case, checked eight bytes at a time
		return append(dst, src...)
	}
	for len(src) > 0 {
		n := 0 // length of the well-formed prefix
		for n < len(src) {
			if src[n] < utf8.RuneSelf {
				n++
				continue
			}
			r, size := utf8.DecodeRune(src[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		dst = append(dst, src[:n]...)
		src = src[n:]
		if len(src) > 0 {
			dst = utf8.AppendRune(dst, utf8.RuneError)
			src = src[subpart(src):]
		}
	}
	return dst
}

// subpart returns the length of the maximal subpart at the start of b, which is
// ill-formed and not empty: the longest prefix of a well-formed sequence, or 1
// (Unicode 15, section 3.9, table 3-7).
func subpart(b []byte) int {
	var length int
	lo, hi := byte(0x80), byte(0xBF)
	switch c := b[0]; {
	case c < 0xC2 || c > 0xF4:
		return 1
	case c < 0xE0:
		length = 2
	case c < 0xF0:
		length = 3
		switch c {
		case 0xE0:
			lo = 0xA0 // no overlong forms
		case 0xED:
			hi = 0x9F // no surrogates
		}
	default:
		length = 4
		switch c {
		case 0xF0:
			lo = 0x90 // no overlong forms
		case 0xF4:
			hi = 0x8F // nothing above U+10FFFF
		}
	}
	n := 1
	for n < length && n < len(b) && lo <= b[n] && b[n] <= hi {
		n++
		lo, hi = 0x80, 0xBF
	}
	return n
}
