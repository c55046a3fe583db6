package fanout

// Running reports whether connections are handed over now.
func (e *Engine) Running() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.writers) > 0
}

// Working reports whether workers make what is large.
func (e *Engine) Working() bool {
	e.forms.mu.Lock()
	defer e.forms.mu.Unlock()
	return e.forms.working
}
