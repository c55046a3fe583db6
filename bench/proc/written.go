package proc

// Written is what processes have written to files, pipes and sockets.
type Written struct {
	Calls int64
	Bytes int64
}

// Written returns what the group has written so far.
func (g Group) Written() (sum Written, err error) {
	err = g.add("io", map[string]*int64{"syscw": &sum.Calls, "wchar": &sum.Bytes})
	return sum, err
}
