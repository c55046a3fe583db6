package document

import (
	"errors"
	"fmt"
)

// MaxTree is the size of the largest document that Parse accepts, in bytes.
const MaxTree = 64 << 20

// Reasons why only Parse refuses a document.
var (
	// ErrSpace is returned for white space between tokens, which Compact removes.
	ErrSpace = errors.New("document: not compact")

	// ErrSize is returned for more than MaxTree bytes.
	ErrSize = fmt.Errorf("document: larger than %d bytes", MaxTree)
)

// tree is a document split into its values, in the order in which they are written: a
// container comes before its contents. Nodes have no pointers, so the garbage
// collector does not scan them.
type tree struct {
	data  []byte
	nodes []node
}

// nodeSize is the size of a node, in bytes.
const nodeSize = 20

// node is one value.
type node struct {
	start, end uint32 // of the value in data
	key        uint32 // the start of the key of a member in data; 0 for other values
	next       uint32 // the node after this value and its contents
	len        uint32 // the number of members or elements
}

// Parse splits a compact document, such as Compact returns, into its values, and
// returns the outermost one. Nothing is decoded or copied: values are slices of data,
// which must not change while they are in use. Parse refuses what Compact refuses,
// with the same [*Error], and also white space between tokens, a byte order mark and
// more than MaxTree bytes. It accepts repeated keys; [Value.Repeats] finds them.
//
// It reads data twice. It allocates 20 bytes for each value, which is 10 MiB for 1 MiB
// of the shortest values.
func Parse(data []byte) (Value, error) {
	if len(data) > MaxTree {
		return Value{}, &Error{Reason: ErrSize, Offset: MaxTree}
	}
	p := parser{scanner: scanner{data: data}, nodes: make([]node, 0, count(data))}
	if err := p.document(); err != nil {
		return Value{}, err
	}
	return Value{tree: &tree{data: data, nodes: p.nodes}}, nil
}

// count returns the number of values in a document: one for itself, one for each
// comma, one for each container that is not empty. For invalid data, it returns some
// number of at most its length and 1.
func count(data []byte) int {
	values := 1
	for at := 0; at < len(data); at++ {
		switch data[at] {
		case ',':
			values++
		case '[', '{':
			if at+1 < len(data) && data[at+1] != ']' && data[at+1] != '}' {
				values++
			}
		case '"':
			for at++; at < len(data) && data[at] != '"'; at++ {
				if data[at] == '\\' {
					at++
				}
			}
		}
	}
	return values
}

// parser makes nodes of the tokens that a scanner finds.
type parser struct {
	scanner
	nodes []node
	open  []uint32 // the containers that are not closed, from the outermost
	key   uint32   // of the next value
}

func (p *parser) document() error {
	expect := expectValue
	for ; p.at < len(p.data); p.at++ {
		start, before := p.at, expect
		c := p.data[start]
		if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
			return p.fail(ErrSpace, "no white space")
		}
		var err error
		if expect, err = p.token(c, before); err != nil {
			return err
		}
		switch {
		case c == ']' || c == '}':
			p.close()
		case before == expectKey || before == expectKeyOrClose:
			p.key = uint32(start)
		case before == expectValue || before == expectValueOrClose:
			p.add(start)
		}
	}
	switch {
	case expect == expectEnd:
		return nil
	case len(p.data) == 0:
		return p.fail(ErrEmpty, "")
	default:
		return p.fail(ErrTruncated, p.wanted(expect))
	}
}

// add adds a node for the scalar, or the opening bracket, from start to p.at.
func (p *parser) add(start int) {
	index := uint32(len(p.nodes))
	if depth := len(p.open); depth > 0 {
		p.nodes[p.open[depth-1]].len++
	}
	p.nodes = append(p.nodes, node{start: uint32(start), end: uint32(p.at + 1), key: p.key, next: index + 1})
	p.key = 0
	if c := p.data[start]; c == '[' || c == '{' {
		p.open = append(p.open, index)
	}
}

// close ends the innermost container.
func (p *parser) close() {
	depth := len(p.open)
	container := &p.nodes[p.open[depth-1]]
	container.end = uint32(p.at + 1)
	container.next = uint32(len(p.nodes))
	p.open = p.open[:depth-1]
}
