package fanout

import (
	"slices"
	"strings"
	"unique"
)

// nameList is a list of names of streams. It takes one word of a client: clients with the
// same list share it, and it shares no memory with a request.
type nameList struct{ joined unique.Handle[string] } // by commas, which no name has

func newNameList(names []string) nameList {
	return nameList{unique.Make(strings.Join(names, ","))}
}

// all returns the names in a new slice.
func (l nameList) all() []string {
	if l == (nameList{}) || l.joined.Value() == "" {
		return nil
	}
	return strings.Split(l.joined.Value(), ",")
}

// without returns the list without a name.
func (l nameList) without(name string) nameList {
	return newNameList(slices.DeleteFunc(l.all(), func(one string) bool { return one == name }))
}
