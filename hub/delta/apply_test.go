package delta_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub/document"
)

// node is a JSON value that can be changed. Scalars and keys stay as they were written.
type node struct {
	text string   // of a scalar; "{" or "[" of a container
	keys []string // of members, in quotes
	kids []*node
}

func (n *node) String() string {
	if n.text != "{" && n.text != "[" {
		return n.text
	}
	var b strings.Builder
	b.WriteString(n.text)
	for i, kid := range n.kids {
		if i > 0 {
			b.WriteByte(',')
		}
		if n.text == "{" {
			b.WriteString(n.keys[i] + ":")
		}
		b.WriteString(kid.String())
	}
	b.WriteByte(n.text[0] + 2)
	return b.String()
}

func parse(t testing.TB, text string) document.Value {
	t.Helper()
	v, err := document.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%.300s: %v", text, err)
	}
	return v
}

func newNode(v document.Value) *node {
	n := &node{text: string(v.Raw())}
	if kind := v.Kind(); kind == document.Object || kind == document.Array {
		n.text = n.text[:1]
	}
	for child := range v.Children() {
		n.keys = append(n.keys, string(child.Key()))
		n.kids = append(n.kids, newNode(child))
	}
	return n
}

// name decodes a key.
func name(key string) string {
	if !strings.Contains(key, `\`) {
		return strings.Trim(key, `"`)
	}
	v, err := document.Parse([]byte(key))
	if err != nil {
		panic(err)
	}
	return string(v.Text())
}

// index returns the index of a member or element, or where to insert one. It
// returns -1 for a token that is no index.
func (n *node) index(token string) int {
	if n.text == "{" {
		return slices.IndexFunc(n.keys, func(key string) bool { return name(key) == token })
	}
	i, err := strconv.Atoi(token)
	if n.text != "[" || err != nil || strconv.Itoa(i) != token || i < 0 || i > len(n.kids) {
		return -1
	}
	return i
}

var errNowhere = errors.New("no such place")

// find returns the container and the last token of a pointer.
func (n *node) find(pointer string) (container *node, token string, err error) {
	if pointer == "" || pointer[0] != '/' {
		return nil, "", errNowhere
	}
	tokens := strings.Split(pointer[1:], "/")
	for i, token := range tokens {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if i == len(tokens)-1 {
			return n, token, nil
		}
		at := n.index(token)
		if at < 0 || at == len(n.kids) {
			return nil, "", errNowhere
		}
		n = n.kids[at]
	}
	panic("unreachable")
}

func (n *node) remove(pointer string) (*node, error) {
	container, token, err := n.find(pointer)
	if err != nil {
		return nil, err
	}
	at := container.index(token)
	if at < 0 || at == len(container.kids) {
		return nil, errNowhere
	}
	removed := container.kids[at]
	container.kids = slices.Delete(container.kids, at, at+1)
	container.keys = slices.Delete(container.keys, at, at+1)
	return removed, nil
}

// add refuses to replace a member, which RFC 6902 allows and no delta needs.
func (n *node) add(pointer, key string, value *node) error {
	container, token, err := n.find(pointer)
	if err != nil {
		return err
	}
	at := container.index(token)
	switch {
	case container.text == "{" && at < 0:
		at = len(container.kids)
	case container.text == "{" || at < 0:
		return errNowhere
	}
	container.kids = slices.Insert(container.kids, at, value)
	container.keys = slices.Insert(container.keys, at, key)
	return nil
}

func (n *node) replace(pointer string, value *node) error {
	container, token, err := n.find(pointer)
	if err != nil {
		return err
	}
	at := container.index(token)
	if at < 0 || at == len(container.kids) {
		return errNowhere
	}
	container.kids[at] = value
	return nil
}

// applyPatch applies operations as RFC 6902 says, and returns the document with scalars
// as they were written.
func applyPatch(from, ops string) (string, error) {
	v, err := document.Parse([]byte(from))
	if err != nil {
		return "", err
	}
	root := newNode(v)
	list, err := document.Parse([]byte(ops))
	if err != nil {
		return "", err
	}
	for operation := range list.Children() {
		member := map[string]document.Value{}
		for m := range operation.Children() {
			member[string(m.Name())] = m
		}
		text := func(key string) string { return string(member[key].Text()) }
		switch op := text("op"); op {
		case "add":
			err = root.add(text("path"), lastKey(member["path"]), newNode(member["value"]))
		case "remove":
			_, err = root.remove(text("path"))
		case "replace":
			err = root.replace(text("path"), newNode(member["value"]))
		case "move":
			var moved *node
			if moved, err = root.remove(text("from")); err == nil {
				err = root.add(text("path"), "", moved)
			}
		default:
			err = fmt.Errorf("operation %q", op)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", operation.Raw(), err)
		}
	}
	return root.String(), nil
}

// lastKey returns the last key of a path as it is written there.
func lastKey(path document.Value) string {
	raw := string(path.Raw())
	token := raw[strings.LastIndexByte(raw, '/')+1:]
	return `"` + strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// mergePatch is the function of RFC 7396 section 2.
func mergePatch(target, patch *node) *node {
	if patch.text != "{" {
		return patch
	}
	if target == nil || target.text != "{" {
		target = &node{text: "{"}
	}
	for i, key := range patch.keys {
		at := target.index(name(key))
		switch {
		case patch.kids[i].text == "null" && at >= 0:
			target.keys = slices.Delete(target.keys, at, at+1)
			target.kids = slices.Delete(target.kids, at, at+1)
		case patch.kids[i].text == "null":
		case at >= 0:
			target.kids[at] = mergePatch(target.kids[at], patch.kids[i])
		default:
			target.keys = append(target.keys, key)
			target.kids = append(target.kids, mergePatch(nil, patch.kids[i]))
		}
	}
	return target
}
