package view

import (
	"bytes"
	"runtime/debug"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/delta"
	"github.com/polluxhub/pollux/hub/document"
)

// change is the difference between a document and the one before it in its stream, for
// some views.
type change struct {
	same  bool   // no part that the view wants has changed
	delta []byte // nil if it would not be shorter than the document, or was not made
}

// change returns the difference between a document and the one before.
func (c *cache) change(v *view, e, before *hub.Event) *change {
	k := key{kind: kindChange, event: e, before: before, text: v.difference}
	return c.get(k, inputs{view: v}).(*change) //nolint:forcetypeassert // see kind
}

func (c *cache) compare(v *view, e, before *hub.Event) *change {
	if v.fields.String() == "" {
		return v.changed(e, c.tree(before), c.tree(e))
	}
	from, to := c.part(before, v.fields), c.part(e, v.fields)
	switch {
	case bytes.Equal(from, to):
		return &change{same: true}
	case v.Mode == Full:
		return &change{}
	}
	return v.changed(e, newTree(from), newTree(to))
}

// changed returns the difference between two documents that are not equal.
func (v *view) changed(e *hub.Event, before, after *tree) *change {
	if !before.comparable() || !after.comparable() {
		return &change{}
	}
	return &change{delta: v.delta(e, before.value, after.value)}
}

// delta returns the difference between two documents, or nil if it would take as many
// bytes as the document. After a panic, which would end all streams, the clients get a
// snapshot.
func (v *view) delta(e *hub.Event, before, after document.Value) (text []byte) {
	defer func() {
		if value := recover(); value != nil {
			v.opts.Logger.Error("comparing documents panicked", "event", e.ID().String(), "panic", value, "stack", string(debug.Stack()))
			text = nil
		}
	}()
	var ok bool
	if v.Mode == Merge {
		text, ok = delta.MergeValues(before, after)
	} else {
		text, ok = delta.PatchValues(before, after, delta.Options{Key: v.opts.Key(e.Stream())})
	}
	if !ok {
		return nil
	}
	return text
}
