package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// kind is the kind of a node, in the words of errors.
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

// node is one value of the file and the place at which it begins.
type node struct {
	kind         kind
	line, column int
	text         string // of a scalar: decoded if it is a string, and otherwise as written
	shared       bool   // it is inside an anchor, so an alias may use it as a secret
	items        []*node
	pairs        []pair
}

type pair struct{ key, value *node }

// converter turns the parser's tree into nodes. An alias becomes a node that shares the
// contents of its anchor.
type converter struct {
	*mistakes
	anchors  map[string]*node // those that are complete: no value contains itself
	anchored int              // the number of enclosing anchors
	failed   bool
}

func (c *converter) convert(from ast.Node) *node {
	at := from.GetToken()
	n := &node{line: at.Position.Line, column: at.Position.Column, shared: c.anchored > 0}
	switch from := from.(type) {
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
		return c.convertAnchor(from)
	case *ast.AliasNode:
		return c.convertAlias(from, n)
	default:
		if n.kind, n.text = scalarOf(from); n.kind == "" {
			c.fail(at, "cannot be read as YAML: neither a value, a list nor a mapping")
		}
	}
	return n
}

// scalarOf returns the kind and text of a value that is neither a list nor a mapping.
// The kind is "" if it cannot be a value.
func scalarOf(from ast.Node) (kind, string) {
	at := from.GetToken()
	switch from := from.(type) {
	case *ast.NullNode:
		return null, ""
	case *ast.BoolNode:
		return boolean, strings.ToLower(at.Value)
	case *ast.IntegerNode:
		return integer, at.Value
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return float, at.Value
	case *ast.LiteralNode:
		return text, from.Value.Value
	case *ast.StringNode:
		if at.Type == token.StringType && from.Value != "" && strings.Trim(from.Value, "0123456789") == "" {
			return integer, from.Value // a number that is too large for the integers of Go
		}
		return text, from.Value
	default:
		return "", ""
	}
}

func (c *converter) convertAnchor(from *ast.AnchorNode) *node {
	c.anchored++
	value := c.convert(from.Value)
	c.anchored--
	if name := from.Name.GetToken().Value; c.anchors[name] == nil {
		c.anchors[name] = value
	} else {
		c.fail(from.GetToken(), "the anchor &%s appears twice", name)
	}
	return value
}

// convertAlias returns the value of an alias, at the place of n.
func (c *converter) convertAlias(from *ast.AliasNode, n *node) *node {
	name := from.Value.GetToken().Value
	value := c.anchors[name]
	if value == nil {
		c.fail(from.GetToken(), "the alias *%s stands for nothing: no value before it has the anchor &%s", name, name)
		return n
	}
	alias := *value // shares what is inside
	alias.line, alias.column = n.line, n.column
	return &alias
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
