package pollux

import "net/http"

// Handler returns what Run serves.
func (p *Pollux) Handler() http.Handler { return p.handler }
