package fanout

// Working reports whether the workers of the views run.
func (e *Engine) Working() bool { return e.views.Stats().Workers > 0 }

// Sites returns how many addresses have places.
func (e *Engine) Sites() int {
	e.admission.mu.Lock()
	defer e.admission.mu.Unlock()
	return len(e.admission.sites)
}
