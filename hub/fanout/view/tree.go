package view

import (
	"sync"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// tree is a document cut into its values, once for all views that pick parts of it or
// compare it.
type tree struct {
	value document.Value
	valid bool // a published document may be something else than JSON

	once    sync.Once
	repeats bool
}

func newTree(data []byte) *tree {
	value, err := document.Parse(data)
	return &tree{value: value, valid: err == nil}
}

func (t *tree) size() int {
	if !t.valid {
		return 0
	}
	return t.value.Footprint()
}

// pick returns parts of the document, in memory of their own.
func (t *tree) pick(fields document.Projection) []byte {
	if !t.valid {
		return []byte("null")
	}
	return fields.Pick(t.value)
}

// comparable reports whether a difference to or from the document can be expressed.
// Parsers disagree about an object that has a key twice.
func (t *tree) comparable() bool {
	if !t.valid {
		return false
	}
	t.once.Do(func() { t.repeats = t.value.Repeats() })
	return !t.repeats
}

// tree returns a document cut into its values.
func (c *cache) tree(e *hub.Event) *tree {
	return c.get(key{kind: kindTree, event: e}, inputs{}).(*tree) //nolint:forcetypeassert // see kind
}

// part returns the parts of a document that a view wants.
func (c *cache) part(e *hub.Event, fields document.Projection) []byte {
	if fields.String() == "" {
		return e.Data()
	}
	return c.get(partKey(e, fields), inputs{fields: fields}).([]byte) //nolint:forcetypeassert // see kind
}

func partKey(e *hub.Event, fields document.Projection) key {
	return key{kind: kindPart, event: e, text: fields.String()}
}
