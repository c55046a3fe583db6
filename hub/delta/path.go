package delta

import "strconv"

// path is a JSON Pointer (RFC 6901) as the content of a JSON string. Keys are written
// as in the document, except for the two characters that a pointer escapes. So even
// a key that is not valid text stays the same.
type path []byte

// index appends the index of an element, and returns the previous length.
func (p *path) index(i int) (before int) {
	before = len(*p)
	*p = strconv.AppendInt(append(*p, '/'), int64(i), 10)
	return before
}

// key appends a key, which is given as written, in quotes, and returns the previous
// length.
func (p *path) key(quoted []byte) (before int) {
	before = len(*p)
	out := append(*p, '/')
	for key := quoted[1 : len(quoted)-1]; len(key) > 0; {
		c, size := character(key)
		switch c {
		case '~':
			out = append(out, "~0"...)
		case '/':
			out = append(out, "~1"...)
		default:
			out = append(out, key[:size]...)
		}
		key = key[size:]
	}
	*p = out
	return before
}

// character returns '~' or '/' if text begins with that character, escaped or not,
// and another byte otherwise, and the size of what text begins with.
func character(text []byte) (c byte, size int) {
	if text[0] != '\\' {
		return text[0], 1
	}
	switch text[1] {
	case '/':
		return '/', 2
	case 'u':
		switch string(text[2:6]) {
		case "007e", "007E":
			return '~', 6
		case "002f", "002F":
			return '/', 6
		}
		return 'u', 6
	default:
		return '\\', 2
	}
}
