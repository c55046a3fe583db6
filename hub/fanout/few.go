package fanout

// few is a list that most clients do not have at most times. Without elements it takes one
// word of a client, where a slice takes three. Its zero value is the list that is nil.
type few[T any] struct{ list *[]T }

// all returns the list.
func (f few[T]) all() []T {
	if f.list == nil {
		return nil
	}
	return *f.list
}

// set replaces the list. An empty list that is not nil stays one.
func (f *few[T]) set(list []T) {
	switch {
	case list == nil:
		f.list = nil
	case f.list == nil:
		kept := list // &list would cost memory in each case
		f.list = &kept
	default:
		*f.list = list
	}
}

// isNil reports whether the list is nil.
func (f few[T]) isNil() bool { return f.list == nil }

func (f few[T]) len() int { return len(f.all()) }
