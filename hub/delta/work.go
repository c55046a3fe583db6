package delta

// How much work a comparison may take, in steps. A step is about as much as
// looking at one value.
const (
	workPerByte  = 16      // of both documents
	leastWork    = 100_000 // so that small documents are not treated worse
	bytesPerStep = 16      // that are copied or compared as bytes
)

// work is what is left of the work that a comparison may take.
type work struct {
	left int
}

// spend takes steps off, and reports whether that many were left. Once it has
// reported false, it always does.
func (w *work) spend(steps int) bool {
	w.left -= steps
	return w.left >= 0
}
