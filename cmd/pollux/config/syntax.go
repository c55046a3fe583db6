package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits on the form of a file. The parser calls itself for each level, and for
// each key of a mapping; it copies what it has read for each of those keys, and
// for each value that is missing. So these are counted before it sees them.
const (
	maxText   = 1 << 20
	maxLevels = 16
	maxKeys   = 256
	maxEmpty  = 1000
)

// parseYAML returns the one document in text as a tree. What is wrong with the
// YAML is added to m; then there is no tree.
func parseYAML(text []byte, m *mistakes) (root *node) {
	defer func() {
		if recover() != nil { // the parser's own mistake, which is no reason to end
			m.add(0, 0, "cannot be read as YAML")
			root = nil
		}
	}()
	if len(text) > maxText {
		m.add(0, 0, "is larger than %d bytes", maxText)
		return nil
	}
	if at := invalidUTF8(text); at >= 0 {
		before := string(text[:at])
		column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
		m.add(strings.Count(before, "\n")+1, column, "is not UTF-8")
		return nil
	}
	tokens := lexer.Tokenize(strings.TrimPrefix(string(text), "\ufeff"))
	if invalid := tokens.InvalidToken(); invalid != nil {
		addSyntax(m, text, invalid, invalid.Error)
		return nil
	}
	if message, at := checkForm(tokens); at != nil {
		m.add(at.Position.Line, at.Position.Column, "%s", message)
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			addSyntax(m, text, syntax.GetToken(), syntax.GetMessage())
		} else {
			m.add(0, 0, "cannot be read as YAML")
		}
		return nil
	}
	var documents []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			documents = append(documents, d.Body)
		}
	}
	switch {
	case len(documents) == 0:
		m.add(0, 0, "is empty, want for example listen: 127.0.0.1:3000")
		return nil
	case len(documents) > 1:
		at := documents[1].GetToken()
		if second, ok := documents[1].(*ast.MappingNode); ok && len(second.Values) > 0 {
			at = second.Values[0].Key.GetToken()
		}
		m.add(at.Position.Line, at.Position.Column, "a second document begins here, want one")
		return nil
	}
	c := converter{mistakes: m, anchors: make(map[string]*node)}
	root = c.convert(documents[0])
	if c.failed {
		return nil
	}
	if root.kind != mapping {
		m.add(root.line, root.column, "the file is %s, want a mapping such as listen: 127.0.0.1:3000", root.kind)
		return nil
	}
	return root
}

// addSyntax adds what the parser says, but for what it quotes. Of a tab it speaks in
// several ways, most of which show white space.
func addSyntax(m *mistakes, text []byte, at *token.Token, message string) {
	if strings.Contains(message, "\t") || strings.Contains(message, "tab character") {
		column := at.Position.Column
		for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
			if tab := strings.IndexByte(line, '\t'); i+1 == at.Position.Line && tab >= 0 {
				column = utf8.RuneCountInString(line[:tab]) + 1
			}
		}
		m.add(at.Position.Line, column, "a tab stands where YAML wants spaces")
		return
	}
	message, _, _ = strings.Cut(message, `"`)
	message = strings.TrimRight(message, " :")
	m.add(at.Position.Line, at.Position.Column, "cannot be read as YAML: %s", message)
}

// invalidUTF8 returns where text is not UTF-8, or -1.
func invalidUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// collection is a mapping or list that has begun, as far as tokens tell.
type collection struct {
	column int        // of its keys or dashes, if it is in block style
	flow   token.Type // '[' or '{', or else 0
	keys   int
	named  bool // the entry of a '{' has its ':'
	filled bool // the entry of a '{' has anything
}

// checkForm judges the tokens before the parser sees them. It returns what is
// wrong, and where; nil if nothing is.
func checkForm(tokens token.Tokens) (string, *token.Token) {
	open := []collection{{}}
	empty := 0
	for i, t := range tokens {
		top := &open[len(open)-1]
		switch t.Type {
		case token.TagType:
			return "tags (!) are not supported; quote a value that is to be a string", t
		case token.DirectiveType:
			return "directives (%) are not supported", t
		case token.MappingKeyType:
			return "complex keys (?) are not supported, want key: value", t
		case token.MergeKeyType:
			return "merge keys (<<) are not supported; give each key its value, by an alias if need be", t
		case token.AnchorType:
			if i >= 2 && tokens[i-2].Type == token.AnchorType {
				return "two anchors (&) for one value", t
			}
		case token.DocumentHeaderType, token.DocumentEndType:
			open = append(open[:0], collection{})
		case token.SequenceStartType, token.MappingStartType:
			top.filled = true
			open = append(open, collection{flow: t.Type})
		case token.CollectEntryType, token.SequenceEndType, token.MappingEndType:
			if top.flow == token.MappingStartType && top.filled && (!top.named || tokens[i-1].Type == token.MappingValueType) {
				empty++
			}
			top.named, top.filled = false, false
			if t.Type != token.CollectEntryType && top.flow != 0 {
				open = open[:len(open)-1]
			}
		case token.SequenceEntryType, token.MappingValueType:
			isKey := t.Type == token.MappingValueType
			if top.flow == 0 {
				column := t.Position.Column
				if isKey && t.Prev != nil && t.Prev.Position.Line == t.Position.Line {
					column = t.Prev.Position.Column
				}
				for len(open) > 1 && open[len(open)-1].column > column {
					open = open[:len(open)-1]
				}
				if open[len(open)-1].column < column {
					open = append(open, collection{column: column})
				}
				if endsThere(t, column, isKey) {
					empty++
				}
				top = &open[len(open)-1]
			}
			top.named = true
			if isKey {
				top.keys++
			}
			if top.keys > maxKeys {
				return fmt.Sprintf("more than %d keys in one mapping", maxKeys), t
			}
		default:
			top.filled = true
		}
		if len(open) > maxLevels+1 {
			return fmt.Sprintf("more than %d levels", maxLevels), t
		}
		if empty > maxEmpty {
			return fmt.Sprintf("more than %d keys or entries without a value", maxEmpty), t
		}
	}
	return "", nil
}

// endsThere reports whether nothing follows a ':' or '-' in its column: what
// comes next begins a line no further in.
func endsThere(t *token.Token, column int, isKey bool) bool {
	next := t.Next
	for next != nil && next.Type == token.CommentType {
		next = next.Next
	}
	switch {
	case next == nil:
		return true
	case next.Position.Line == t.Position.Line:
		return false
	case isKey && next.Type == token.SequenceEntryType:
		return next.Position.Column < column
	default:
		return next.Position.Column <= column
	}
}
