package config

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits on the form of a file. The parser is recursive for each level and for each
// key of a mapping, and copies its input for each of those keys and for each value that
// is missing. So they are counted before the parser runs.
const (
	maxText   = 4 << 20
	maxLevels = 16
	maxKeys   = 256
	maxEmpty  = 1000
)

// parseYAML returns the one document in text as a tree. If the YAML is invalid, it adds
// a mistake and returns nil.
func parseYAML(text []byte, m *mistakes) (root *node) {
	defer func() {
		if recover() != nil { // a fault of the parser must not end the program
			m.add(0, 0, "cannot be read as YAML")
			root = nil
		}
	}()
	tokens := tokensOf(text, m)
	if tokens == nil {
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
	document := onlyDocument(file, m)
	if document == nil {
		return nil
	}
	c := converter{mistakes: m, anchors: make(map[string]*node)}
	root = c.convert(document)
	if c.failed {
		return nil
	}
	if root.kind != mapping {
		m.add(root.line, root.column, "the file is %s, want a mapping such as listen: 127.0.0.1:3000", root.kind)
		return nil
	}
	return root
}

// tokensOf returns the tokens of a text if it is safe to parse them, or nil.
func tokensOf(text []byte, m *mistakes) token.Tokens {
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
	if tokens == nil {
		return token.Tokens{} // of an empty file
	}
	return tokens
}

// onlyDocument returns the document of a file, or nil if the file does not have
// exactly one.
func onlyDocument(file *ast.File, m *mistakes) ast.Node {
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
	return documents[0]
}

// addSyntax adds the message of the parser, without the text that it quotes. A tab gets
// another message, because most messages of the parser about a tab show white space.
func addSyntax(m *mistakes, text []byte, at *token.Token, message string) {
	if strings.Contains(message, "\t") || strings.Contains(message, "tab character") {
		column := at.Position.Column
		for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
			if tab := strings.IndexByte(line, '\t'); i+1 == at.Position.Line && tab >= 0 {
				column = utf8.RuneCountInString(line[:tab]) + 1
			}
		}
		m.add(at.Position.Line, column, "a tab where YAML needs spaces")
		return
	}
	message, _, _ = strings.Cut(message, `"`)
	message = strings.TrimRight(message, " :")
	m.add(at.Position.Line, at.Position.Column, "cannot be read as YAML: %s", message)
}

// invalidUTF8 returns the first position at which text is not UTF-8, or -1.
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
