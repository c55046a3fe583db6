package pollux

import (
	"errors"
	"os"
	"strings"
)

// maxNode bounds the name of a node, in bytes.
const maxNode = 64

// CheckNode returns nil if text can be Options.Node: 1 to 64 letters, digits, '.', '_' and
// '-'. The error describes a valid name.
func CheckNode(text string) error {
	if len(text) == 0 || len(text) > maxNode || strings.ContainsFunc(text, func(r rune) bool { return !isOfNode(r) }) {
		return errors.New("want 1 to 64 letters, digits, '.', '_' and '-'")
	}
	return nil
}

func isOfNode(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
}

// DefaultNode returns the name of the machine, as far as it can be the name of a node.
func DefaultNode() string {
	name, err := os.Hostname()
	name = strings.Map(func(r rune) rune {
		if isOfNode(r) {
			return r
		}
		return '-'
	}, name[:min(len(name), maxNode)])
	if err != nil || name == "" {
		return "pollux"
	}
	return name
}
