package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// record is a document that somebody got, or of which a publisher was told that it is stored.
type record struct {
	id, document string
	node         string // where it came from
	at           time.Time
}

func (e record) String() string {
	text := fmt.Sprintf("%s (%s)", e.id, e.document)
	if e.node != "" {
		text += fmt.Sprintf(" from %s at %s", e.node, e.at.Format("15:04:05.000"))
	}
	return text
}

// account is everything that a stream has stored, in order. Clients are compared with it.
type account struct {
	stored []record
	at     map[string]int // of each ID
}

func newAccount(stored []record) *account {
	a := &account{stored: stored, at: make(map[string]int, len(stored))}
	for i, one := range stored {
		a.at[one.id] = i
	}
	return a
}

// readAccount reads a stream from a node, from its beginning up to the event with this ID.
func readAccount(t *testing.T, node, stream, last string) *account {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longEnough)
	defer cancel()
	epoch := last[:strings.LastIndexByte(last, '-')]
	var stored []record
	err := readLines(ctx, node+"/api/sse?stream="+stream+"&replay=all", epoch+"-0", func(l leafLine) bool {
		switch l.Event {
		case "reset":
			t.Fatalf("the beginning of %s is not kept: %s", stream, l.Data)
		case "message":
			stored = append(stored, record{id: l.ID, document: string(l.Data)})
		}
		return l.ID != last || l.Event != "message"
	})
	if err != nil {
		t.Fatalf("reading %s up to %s: %v, after %d documents", stream, last, err, len(stored))
	}
	return newAccount(stored)
}

// check returns what is wrong with what a client got from its first document to its last one:
// each document that is lost, that came twice, late or changed, or that nobody has stored.
func (a *account) check(got []record) (wrong []string) {
	if len(got) == 0 {
		return []string{"nothing came"}
	}
	seen := make([]bool, len(a.stored))
	first, last := -1, -1
	for _, one := range got {
		i, isStored := a.at[one.id]
		if !isStored {
			wrong = append(wrong, fmt.Sprintf("%v is not stored", one))
			continue
		}
		switch {
		case a.stored[i].document != one.document:
			wrong = append(wrong, fmt.Sprintf("%v is stored as %s", one, a.stored[i].document))
		case seen[i]:
			wrong = append(wrong, fmt.Sprintf("%v came twice", one))
		case i < last:
			wrong = append(wrong, fmt.Sprintf("%v came after %v", one, a.stored[last]))
		}
		if seen[i] = true; first < 0 {
			first = i
		}
		last = max(last, i)
	}
	for i := first; i >= 0 && i < last; i++ {
		if !seen[i] {
			wrong = append(wrong, fmt.Sprintf("%v is lost", a.stored[i]))
		}
	}
	return wrong
}

// lacks returns what is wrong with what a publisher was told is stored, one after the other. What
// it was not told may be stored as well.
func (a *account) lacks(acknowledged []record) (wrong []string) {
	last := -1
	for _, one := range acknowledged {
		i, isStored := a.at[one.id]
		switch {
		case !isStored:
			wrong = append(wrong, fmt.Sprintf("%v was acknowledged, and is lost", one))
			continue
		case a.stored[i].document != one.document:
			wrong = append(wrong, fmt.Sprintf("%v was acknowledged, and is stored as %s", one, a.stored[i].document))
		case i <= last:
			wrong = append(wrong, fmt.Sprintf("%v was acknowledged after %v, and is stored before it", one, a.stored[last]))
		}
		last = max(last, i)
	}
	return wrong
}

// some returns the first few of the faults.
func some(wrong []string) string {
	const most = 5
	text := strings.Join(wrong[:min(most, len(wrong))], "; ")
	if len(wrong) > most {
		text += fmt.Sprintf("; and %d more", len(wrong)-most)
	}
	return text
}

// TestAccount shows the checker of all tests of several nodes what clients must not get: one lost,
// one doubled, one reordered document, and others. It finds each, and nothing else.
func TestAccount(t *testing.T) {
	list := func(numbers ...int) (list []record) {
		for _, n := range numbers {
			list = append(list, record{id: fmt.Sprint("e-", n), document: fmt.Sprint(n)})
		}
		return list
	}
	a := newAccount(list(1, 2, 3, 4, 5, 6))
	foreign, changed, other := list(2), list(2), list(2)
	foreign[0].id = "e-20"
	changed[0].document = "20"
	other[0].id = "f-2"
	for what, test := range map[string]struct {
		got  []record
		want []string
	}{
		"everything":             {list(1, 2, 3, 4, 5, 6), nil},
		"some":                   {list(3, 4, 5), nil},
		"nothing":                {nil, []string{"nothing came"}},
		"one lost":               {list(1, 2, 4, 5), []string{"e-3 (3) is lost"}},
		"several lost":           {list(1, 5), []string{"e-2 (2) is lost", "e-3 (3) is lost", "e-4 (4) is lost"}},
		"one doubled":            {list(1, 2, 2, 3), []string{"e-2 (2) came twice"}},
		"one doubled later":      {list(1, 2, 3, 2), []string{"e-2 (2) came twice"}},
		"one reordered":          {list(1, 3, 2, 4), []string{"e-2 (2) came after e-3 (3)"}},
		"the first reordered":    {list(2, 1, 3), []string{"e-1 (1) came after e-2 (2)"}},
		"one of nobody":          {slices.Concat(list(1), foreign, list(2)), []string{"e-20 (2) is not stored"}},
		"one of another epoch":   {slices.Concat(list(1), other, list(2)), []string{"f-2 (2) is not stored"}},
		"one changed":            {slices.Concat(list(1), changed, list(3)), []string{"e-2 (20) is stored as 2"}},
		"a doubled and lost one": {list(1, 1, 3), []string{"e-1 (1) came twice", "e-2 (2) is lost"}},
	} {
		if wrong := a.check(test.got); !slices.Equal(wrong, test.want) {
			t.Errorf("%s: found %q, want %q", what, wrong, test.want)
		}
	}
	for what, test := range map[string]struct {
		acknowledged []record
		want         []string
	}{
		"everything":    {list(1, 2, 3, 4, 5, 6), nil},
		"some":          {list(2, 5), nil},
		"one lost":      {list(5, 7), []string{"e-7 (7) was acknowledged, and is lost"}},
		"one reordered": {list(3, 2), []string{"e-2 (2) was acknowledged after e-3 (3), and is stored before it"}},
		"one doubled":   {list(3, 3), []string{"e-3 (3) was acknowledged after e-3 (3), and is stored before it"}},
		"one changed":   {changed, []string{"e-2 (20) was acknowledged, and is stored as 2"}},
	} {
		if wrong := a.lacks(test.acknowledged); !slices.Equal(wrong, test.want) {
			t.Errorf("acknowledged, %s: found %q, want %q", what, wrong, test.want)
		}
	}
}
