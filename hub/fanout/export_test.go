package fanout

// Running reports whether connections are handed over now.
func (e *Engine) Running() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.writers) > 0
}
