package fanout

import (
	"bytes"
	"context"
	"runtime/debug"
	"sync"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/delta"
	"github.com/polluxhub/pollux/hub/document"
)

// tree is a document cut into its values, once for all who pick parts of it or
// compare it.
type tree struct {
	value document.Value
	valid bool // data that was published may be no document

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

// comparable reports whether there can be a difference to the document, or from it:
// nobody agrees on what an object says that has a key twice.
func (t *tree) comparable() bool {
	if !t.valid {
		return false
	}
	t.once.Do(func() { t.repeats = t.value.Repeats() })
	return !t.repeats
}

// change is how a document differs, for some views, from the one before it in its
// stream. It does not depend on who has that.
type change struct {
	same  bool   // nothing of what is wanted has changed
	delta []byte // nil: there is none, or the document is shorter
}

// tree returns a document cut into its values.
func (f *forms) tree(e *hub.Event) *tree {
	return f.get(formKey{kind: treeForm, event: e}, recipe{}).(*tree) //nolint:forcetypeassert // see formKind
}

// part returns the parts of a document that are wanted.
func (f *forms) part(e *hub.Event, fields document.Projection) []byte {
	if fields.String() == "" {
		return e.Data()
	}
	return f.get(partKey(e, fields), recipe{fields: fields}).([]byte) //nolint:forcetypeassert // see formKind
}

func partKey(e *hub.Event, fields document.Projection) formKey {
	return formKey{kind: partForm, event: e, text: fields.String()}
}

// change returns how a document differs from the one before.
func (f *forms) change(v *view, e, before *hub.Event) *change {
	key := formKey{kind: changeForm, event: e, before: before, text: v.difference}
	return f.get(key, recipe{view: v}).(*change) //nolint:forcetypeassert // see formKind
}

func (f *forms) compare(v *view, e, before *hub.Event) *change {
	if v.fields.String() == "" {
		a, b := f.tree(before), f.tree(e)
		if !a.comparable() || !b.comparable() {
			return &change{}
		}
		return &change{delta: v.delta(e, a.value, b.value)}
	}
	from, to := f.part(before, v.fields), f.part(e, v.fields)
	if bytes.Equal(from, to) {
		return &change{same: true}
	}
	if v.Mode == Full {
		return &change{}
	}
	a, b := newTree(from), newTree(to)
	if !a.comparable() || !b.comparable() {
		return &change{}
	}
	return &change{delta: v.delta(e, a.value, b.value)}
}

// delta returns how a document differs from the one before, or nil if that cannot
// be said in fewer bytes than the document has. A panic, which would end the
// streams of all, ends in a snapshot instead.
func (v *view) delta(e *hub.Event, before, after document.Value) (text []byte) {
	defer func() {
		if value := recover(); value != nil {
			v.logger.Error("no delta because of a panic", "event", e.ID().String(), "panic", value, "stack", string(debug.Stack()))
			text = nil
		}
	}()
	var ok bool
	if v.Mode == Merge {
		text, ok = delta.MergeValues(before, after)
	} else {
		text, ok = delta.PatchValues(before, after, delta.Options{Key: v.keyOf(e.Stream())})
	}
	if !ok {
		return nil
	}
	return text
}

// Part returns the parts of a document that p picks, which must not be modified. The
// document is parsed once for all who want parts of it, and what is picked is kept
// for others who want the same, within Options.FormBytes. What takes long is done by
// the engine's workers while Run runs, else here. The error is ctx's.
func (e *Engine) Part(ctx context.Context, event *hub.Event, p document.Projection) ([]byte, error) {
	if p.String() == "" {
		return event.Data(), nil
	}
	var made signal
	for {
		one, ok := e.forms.want(partKey(event, p), recipe{fields: p}, waiterOf(made))
		switch {
		case ok:
			return one.value.([]byte), nil //nolint:forcetypeassert // see formKind
		case made == nil:
			made = make(signal, 1)
			continue
		}
		select {
		case <-made:
		case <-ctx.Done():
			e.forms.cancel(one, made)
			return nil, ctx.Err()
		}
		if one.made.Load() { // dropped already, perhaps
			return one.value.([]byte), nil //nolint:forcetypeassert // see formKind
		}
	}
}

// waiterOf returns no waiter for no signal.
func waiterOf(s signal) waiter {
	if s == nil {
		return nil
	}
	return s
}
