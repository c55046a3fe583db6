package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// kind is what a node is, for errors with its article.
type kind string

const (
	null    kind = "empty"
	boolean kind = "true or false"
	integer kind = "a whole number"
	float   kind = "a number"
	text    kind = "a string"
	list    kind = "a list"
	mapping kind = "a mapping"
)

// node is one value of the file and where it begins.
type node struct {
	kind         kind
	line, column int
	text         string // of a scalar: as it is meant if it is a string, else as it is written
	shared       bool   // it has an anchor around it, so it may stand where its anchor says nothing of it
	items        []*node
	pairs        []pair
}

type pair struct{ key, value *node }

// converter turns the parser's tree into nodes. An alias becomes a node that
// shares everything inside the value that it stands for.
type converter struct {
	*mistakes
	anchors  map[string]*node // those that are complete: no value contains itself
	anchored int              // how many anchors are around
	failed   bool
}

func (c *converter) convert(from ast.Node) *node {
	at := from.GetToken()
	n := &node{line: at.Position.Line, column: at.Position.Column, shared: c.anchored > 0}
	switch from := from.(type) {
	case *ast.NullNode:
		n.kind = null
	case *ast.BoolNode:
		n.kind, n.text = boolean, strings.ToLower(at.Value)
	case *ast.IntegerNode:
		n.kind, n.text = integer, at.Value
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		n.kind, n.text = float, at.Value
	case *ast.StringNode:
		n.kind, n.text = text, from.Value
		if at.Type == token.StringType && n.text != "" && strings.Trim(n.text, "0123456789") == "" {
			n.kind = integer // one that no integer of Go is large enough for
		}
	case *ast.LiteralNode:
		n.kind, n.text = text, from.Value.Value
	case *ast.SequenceNode:
		n.kind = list
		for _, item := range from.Values {
			n.items = append(n.items, c.convert(item))
		}
	case *ast.MappingNode:
		n.kind = mapping
		c.convertPairs(n, from.Values)
		if !from.IsFlowStyle && len(n.pairs) > 0 { // its token is the first ':'
			n.line, n.column = n.pairs[0].key.line, n.pairs[0].key.column
		}
	case *ast.AnchorNode:
		c.anchored++
		value := c.convert(from.Value)
		c.anchored--
		if name := from.Name.GetToken().Value; c.anchors[name] == nil {
			c.anchors[name] = value
		} else {
			c.fail(at, "the anchor &%s appears twice", name)
		}
		return value
	case *ast.AliasNode:
		name := from.Value.GetToken().Value
		if value := c.anchors[name]; value != nil {
			alias := *value // shares what is inside
			alias.line, alias.column = n.line, n.column
			return &alias
		}
		c.fail(at, "the alias *%s stands for nothing: no value before it has the anchor &%s", name, name)
	default:
		c.fail(at, "cannot be read as YAML: neither a value, a list nor a mapping")
	}
	return n
}

func (c *converter) convertPairs(n *node, values []*ast.MappingValueNode) {
	for _, value := range values {
		at := value.Key.GetToken()
		switch at.Type {
		case token.StringType, token.SingleQuoteType, token.DoubleQuoteType, token.BoolType, token.NullType,
			token.IntegerType, token.FloatType:
		default:
			c.fail(at, "cannot be read as YAML: want a key that is a string")
			continue
		}
		key := &node{kind: text, line: at.Position.Line, column: at.Position.Column, text: at.Value}
		n.pairs = append(n.pairs, pair{key, c.convert(value.Value)})
	}
}

func (c *converter) fail(at *token.Token, format string, args ...any) {
	c.failed = true
	c.add(at.Position.Line, at.Position.Column, format, args...)
}
