package markup

import (
	"strings"

	"github.com/polluxhub/pollux/hub/document"
)

// plain returns a value as a template sees it. Of a key that is repeated the last one
// counts. A surrogate without a partner, which no HTML can have, is U+FFFD.
func plain(v document.Value) any {
	switch v.Kind() {
	case document.Object:
		members := make(map[string]any, v.Len())
		for child := range v.Children() {
			members[valid(child.Name())] = plain(child)
		}
		return members
	case document.Array:
		elements := make([]any, 0, v.Len())
		for child := range v.Children() {
			elements = append(elements, plain(child))
		}
		return elements
	case document.String:
		return valid(v.Text())
	case document.Number:
		return newNumber(string(v.Raw()))
	case document.True:
		return true
	case document.False:
		return false
	default:
		return nil
	}
}

func valid(text []byte) string { return strings.ToValidUTF8(string(text), "\uFFFD") }
