package reshape

// place is what a value is called: a path from the document, or the part of the program that
// makes it.
type place struct {
	words  string
	isPath bool
}

// input returns the place of an input for a part that is given this value.
func (p place) input() place {
	if p.isPath {
		return p
	}
	return place{".", true} // of which only that part is known
}

// in returns what a part is called that is given this value.
func (p place) in(part string) string {
	if !p.isPath || p.words == "." {
		return part
	}
	return p.words + " | " + part
}

// of returns the place of a member or of elements: key has its dot or its brackets.
func (p place) of(key string) place {
	if p.words == "." && key[0] == '.' {
		return place{key, p.isPath} // .a, but .[0]
	}
	return place{p.words + key, p.isPath}
}

// operand returns what is told of an operand: a path, and nothing that may be a secret.
func operand(p place) string {
	if p.isPath {
		return p.words
	}
	return "…"
}

// told returns what is told of a part that makes p.
func told(at, p place) string {
	if p.isPath {
		return p.words
	}
	return at.in(p.words)
}
