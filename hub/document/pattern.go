package document

// Pattern is a JSON Pointer (RFC 6901) in which a token * stands for each member of an
// object and for each element of an array: "/items/*/time". A member whose own name is *
// is one of them.
type Pattern struct{ pointer Pointer }

// every is the token that stands for each member or element.
const every = "*"

// ParsePattern parses a Pattern, as ParsePointer does.
func ParsePattern(text string) (Pattern, error) {
	pointer, err := ParsePointer(text)
	return Pattern{pointer}, err
}

// String returns the text that ParsePattern was given.
func (p Pattern) String() string { return p.pointer.text }

// FindAll calls found for each value in v that the pattern matches, in no order that
// matters, and a value is not passed twice. The time is linear in the size of v.
func (p Pattern) FindAll(v Value, found func(Value)) { findAll(v, p.pointer.tokens, found) }

func findAll(v Value, tokens []string, found func(Value)) {
	for i, token := range tokens {
		if token == every {
			for child := range v.Children() {
				findAll(child, tokens[i+1:], found)
			}
			return
		}
		child, ok := (Pointer{tokens: tokens[i : i+1]}).Find(v)
		if !ok {
			return
		}
		v = child
	}
	found(v)
}
