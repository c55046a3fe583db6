package document

import "unicode/utf8"

// expectation says which token may come next.
type expectation uint8

const (
	expectValue        expectation = iota // at the start, after ':', after ',' in an array
	expectValueOrClose                    // after '['
	expectKey                             // after ',' in an object
	expectKeyOrClose                      // after '{'
	expectColon                           // after a key
	expectCommaOrClose                    // after a value in an array or object
	expectEnd                             // after the document
)

// scanner reads data once and copies everything but white space.
type scanner struct {
	data   []byte
	at     int    // the next byte to read
	out    []byte // the compact form of data[:copied]
	copied int
	open   []byte // '[' or '{' for every level; its length is the depth
}

// document reads all of data.
func (s *scanner) document() error {
	expect := expectValue
	for ; s.at < len(s.data); s.at++ {
		c := s.data[s.at]
		if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
			s.flush()
			s.copied = s.at + 1
			continue
		}
		var err error
		if expect, err = s.token(c, expect); err != nil {
			return err
		}
	}
	s.flush()
	switch {
	case expect == expectEnd:
		return nil
	case len(s.out) == 0:
		return s.fail(ErrEmpty, "")
	default:
		return s.fail(ErrTruncated, s.wanted(expect))
	}
}

// flush copies the bytes that were read since the last white space.
func (s *scanner) flush() {
	s.out = append(s.out, s.data[s.copied:s.at]...)
	s.copied = s.at
}

// token reads the token that begins with c at s.at, leaves s.at at its last byte, and
// returns what may come next.
func (s *scanner) token(c byte, expect expectation) (expectation, error) {
	switch expect {
	case expectValueOrClose:
		if c == ']' {
			return s.leave(), nil
		}
		return s.value(c, expect)
	case expectValue:
		return s.value(c, expect)
	case expectKeyOrClose, expectKey:
		if c == '}' && expect == expectKeyOrClose {
			return s.leave(), nil
		}
		if c == '"' {
			return expectColon, s.text()
		}
	case expectColon:
		if c == ':' {
			return expectValue, nil
		}
	case expectCommaOrClose:
		inObject := s.open[len(s.open)-1] == '{'
		switch {
		case c == '}' && inObject, c == ']' && !inObject:
			return s.leave(), nil
		case c == ',' && inObject:
			return expectKey, nil
		case c == ',':
			return expectValue, nil
		}
	case expectEnd:
		return 0, s.fail(ErrTrailing, s.wanted(expect))
	}
	return 0, s.fail(ErrSyntax, s.wanted(expect))
}

// value reads a scalar, or the opening bracket of a container.
func (s *scanner) value(c byte, expect expectation) (expectation, error) {
	var err error
	switch {
	case c == '{':
		return expectKeyOrClose, s.enter(c)
	case c == '[':
		return expectValueOrClose, s.enter(c)
	case c == '"':
		err = s.text()
	case c == 't':
		err = s.literal("true")
	case c == 'f':
		err = s.literal("false")
	case c == 'n':
		err = s.literal("null")
	case c == '-' || isDigit(c):
		err = s.number()
	default:
		err = s.fail(ErrSyntax, s.wanted(expect))
	}
	return s.afterValue(), err
}

func (s *scanner) enter(c byte) error {
	if len(s.open) == MaxDepth {
		return s.fail(ErrDepth, "")
	}
	s.open = append(s.open, c)
	return nil
}

func (s *scanner) leave() expectation {
	s.open = s.open[:len(s.open)-1]
	return s.afterValue()
}

func (s *scanner) afterValue() expectation {
	if len(s.open) == 0 {
		return expectEnd
	}
	return expectCommaOrClose
}

// literal reads true, false or null.
func (s *scanner) literal(name string) error {
	for i := 1; i < len(name); i++ {
		if err := s.advance(name); err != nil {
			return err
		}
		if s.data[s.at] != name[i] {
			return s.fail(ErrSyntax, name)
		}
	}
	return nil
}

// number reads a number (RFC 8259 section 6).
func (s *scanner) number() error {
	if s.data[s.at] == '-' {
		if err := s.firstDigit(); err != nil {
			return err
		}
	}
	if s.data[s.at] != '0' { // after a leading zero, only '.' and 'e' are allowed
		s.digits()
	}
	if s.peek() == '.' {
		s.at++
		if err := s.firstDigit(); err != nil {
			return err
		}
		s.digits()
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if err := s.firstDigit(); err != nil {
			return err
		}
		s.digits()
	}
	return nil
}

func (s *scanner) firstDigit() error {
	if err := s.advance("a digit"); err != nil {
		return err
	}
	if !isDigit(s.data[s.at]) {
		return s.fail(ErrSyntax, "a digit")
	}
	return nil
}

func (s *scanner) digits() {
	for isDigit(s.peek()) {
		s.at++
	}
}

// text reads a string (RFC 8259 section 7). Surrogates in escapes may be unpaired, as
// section 8.2 allows.
func (s *scanner) text() error {
	for {
		// Without this loop Compact takes 1.4 times as long.
		for isPlain(s.peek()) {
			s.at++
		}
		if err := s.advance("the end of a string"); err != nil {
			return err
		}
		switch c := s.data[s.at]; {
		case c == '"':
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < ' ':
			return s.fail(ErrSyntax, "control characters escaped")
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(s.data[s.at:])
			if r == utf8.RuneError && size == 1 {
				return s.fail(ErrUTF8, "")
			}
			s.at += size - 1
		}
	}
}

func (s *scanner) escape() error {
	if err := s.advance("an escape"); err != nil {
		return err
	}
	switch s.data[s.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			if err := s.advance("a hexadecimal digit"); err != nil {
				return err
			}
			if c := s.data[s.at]; !isDigit(c) && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return s.fail(ErrSyntax, "a hexadecimal digit")
			}
		}
		return nil
	}
	return s.fail(ErrSyntax, "an escape")
}

// advance moves to the next byte of a token, which must exist.
func (s *scanner) advance(want string) error {
	s.at++
	if s.at >= len(s.data) {
		return s.fail(ErrTruncated, want)
	}
	return nil
}

// peek returns the byte after the one at s.at, or 0, which continues no token.
func (s *scanner) peek() byte {
	if s.at+1 < len(s.data) {
		return s.data[s.at+1]
	}
	return 0
}

func (s *scanner) fail(reason error, want string) error {
	return &Error{Reason: reason, Offset: s.at, Want: want}
}

// wanted describes an expectation.
func (s *scanner) wanted(expect expectation) string {
	switch expect {
	case expectValue:
		return "a value"
	case expectValueOrClose:
		return "a value or ']'"
	case expectKey:
		return "a key"
	case expectKeyOrClose:
		return "a key or '}'"
	case expectColon:
		return "':'"
	case expectCommaOrClose:
		if s.open[len(s.open)-1] == '{' {
			return "',' or '}'"
		}
		return "',' or ']'"
	default:
		return "the end"
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isPlain reports whether c is an ASCII character that needs no escape in a string.
func isPlain(c byte) bool { return ' ' <= c && c < utf8.RuneSelf && c != '"' && c != '\\' }
