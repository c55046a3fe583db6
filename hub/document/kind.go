package document

// Kind is one of the seven kinds of JSON values (RFC 8259 section 3): the first byte
// of the value, but '0' for every number.
type Kind byte

// The kinds of values.
const (
	Object Kind = '{'
	Array  Kind = '['
	String Kind = '"'
	Number Kind = '0'
	True   Kind = 't'
	False  Kind = 'f'
	Null   Kind = 'n'
)

// String returns the name of k in JSON, such as "array".
func (k Kind) String() string {
	switch k {
	case Object:
		return "object"
	case Array:
		return "array"
	case String:
		return "string"
	case Number:
		return "number"
	case True:
		return "true"
	case False:
		return "false"
	case Null:
		return "null"
	default:
		return "no kind"
	}
}

// kindOf returns the kind of a value that begins with c.
func kindOf(c byte) Kind {
	if c == '-' || isDigit(c) {
		return Number
	}
	return Kind(c)
}
