package delta

// The work that a comparison may take, in steps. A step takes about as long as to
// look at one value.
const (
	workPerByte  = 16      // of both documents
	leastWork    = 100_000 // for small documents
	bytesPerStep = 16      // that are copied or compared as bytes
)

// work is the work that a comparison may still take.
type work struct {
	left int
}

// spend subtracts steps, and reports whether there were enough. Once it has returned
// false, it always does.
func (w *work) spend(steps int) bool {
	w.left -= steps
	return w.left >= 0
}
