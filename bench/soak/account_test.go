package soak

import (
	"fmt"
	"strings"
	"testing"
)

func document(stream, id string, n int) frame {
	return frame{event: stream, id: id, data: fmt.Appendf(nil, `{"n":%d}`, n)}
}

func event(id string, n int) frame { return document(eventsStream, id, n) }

func reset(reason string) frame {
	return frame{event: "reset", data: fmt.Appendf(nil, `{"reason":%q}`, reason)}
}

// Each row is what a client gets, and what its account says to the last of it; "" for
// nothing.
func TestAccount(t *testing.T) {
	for name, test := range map[string]struct {
		joined int
		frames []frame
		want   string
	}{
		"in order":              {0, []frame{event("a-1", 1), event("a-2", 2), event("a-5", 3)}, ""},
		"a position alone":      {0, []frame{{id: "a-0"}, event("a-2", 2)}, ""},
		"one is missing":        {0, []frame{event("a-1", 1), event("a-3", 3)}, "document 3 came after document 1"},
		"one comes twice":       {0, []frame{event("a-1", 1), event("a-1", 1)}, "document 1 came after document 1"},
		"backwards":             {0, []frame{event("a-2", 2), event("a-1", 1)}, "goes back"},
		"old at the beginning":  {7, []frame{event("a-6", 6)}, "document 6 came, although 7 was published"},
		"new at the beginning":  {7, []frame{event("a-7", 7)}, ""},
		"a restart":             {0, []frame{event("a-1", 1), reset("epoch"), event("b-1", 9)}, ""},
		"a restart, empty":      {0, []frame{event("a-1", 1), reset("epoch"), {id: "b-0"}, event("b-1", 2)}, ""},
		"missing behind it":     {0, []frame{event("a-1", 1), reset("epoch"), event("b-1", 9), event("b-3", 11)}, "document 11 came after document 9"},
		"a restart, goes back":  {0, []frame{event("a-5", 5), reset("epoch"), event("b-1", 4)}, "document 4 came"},
		"a restart, not told":   {0, []frame{event("a-1", 1), event("b-1", 2)}, "no reset told of it"},
		"told, and nothing new": {0, []frame{event("a-1", 1), reset("epoch"), event("a-3", 3)}, "the epoch is the same"},
		"told of history":       {0, []frame{event("a-1", 1), reset("evicted")}, `because of "evicted"`},
		"told, and no position": {0, []frame{reset("epoch")}, "had no position"},
		"no ID":                 {0, []frame{event("", 1)}, "no ID"},
		"not an ID":             {0, []frame{event("x", 1)}, "is none"},
		"polled, with gaps":     {0, []frame{document(polledStream, "a-1", 3), document(polledStream, "a-2", 7)}, ""},
		"polled, backwards":     {0, []frame{document(polledStream, "a-1", 3), document(polledStream, "a-2", 2)}, "polled document 2 came after 3"},
		"another event":         {0, []frame{{event: "error", data: []byte("{}")}}, `named "error"`},
	} {
		t.Run(name, func(t *testing.T) {
			a := new(account)
			a.Join(test.joined)
			for i, f := range test.frames {
				err := a.Take(f)
				last := i == len(test.frames)-1
				switch {
				case err == nil && last && test.want != "":
					t.Errorf("the account is in order, want %q", test.want)
				case err != nil && (!last || test.want == "" || !strings.Contains(err.Error(), test.want)):
					t.Errorf("frame %d: %v, want %q", i, err, test.want)
				}
			}
		})
	}
}

// A client that joins again never gets what it had already.
func TestAccountRemembersAtJoin(t *testing.T) {
	a := new(account)
	a.Join(0)
	if err := a.Take(event("a-5", 5)); err != nil {
		t.Fatal(err)
	}
	a.Join(3) // what was acknowledged is known late
	if err := a.Take(event("a-4", 4)); err == nil {
		t.Error("an older document than before is taken")
	}
}

// Of the stream polled, only others can tell that an event is missing.
func TestWitness(t *testing.T) {
	w := new(witness)
	for _, seq := range []uint64{1, 4, 2, 9, 4} {
		w.Saw(polledStream, position{"a", seq})
	}
	w.Saw(polledStream, position{"b", 3})
	w.Saw(eventsStream, position{"a", 3})
	if last := w.Last(polledStream, "a"); last != 9 {
		t.Errorf("the last is %d, want 9", last)
	}
	a := new(account)
	a.Join(0)
	for i, seq := range []int{1, 2, 4, 9} {
		if err := a.Take(document(polledStream, fmt.Sprintf("a-%d", seq), i)); err != nil {
			t.Fatal(err)
		}
	}
	whole := a.Stretches(true)
	if len(whole) != 1 || w.Check(whole[0]) != nil {
		t.Errorf("%+v: %v", whole, w.Check(whole[0]))
	}
	a.Join(0)
	for i, seq := range []int{1, 4, 9} {
		if err := a.Take(document(polledStream, fmt.Sprintf("a-%d", seq), i)); err != nil {
			t.Fatal(err)
		}
	}
	a.Stretches(false) // the first one, which ended again
	a.Join(0)
	if missing := a.Stretches(false); len(missing) != 1 || w.Check(missing[0]) == nil {
		t.Errorf("%+v: an event that others saw is not missed", missing)
	}
}
