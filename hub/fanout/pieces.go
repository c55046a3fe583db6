package fanout

import "time"

// piecesPerQuota is in how many pieces the portable writer writes the bytes that a client
// has to take in one write timeout.
const piecesPerQuota = 4

// slowWrite is from which duration on a write has waited for the client.
const slowWrite = 50 * time.Millisecond

// send writes bufs, in small pieces. The client has the write timeout. Each piece that it
// takes adds the time that the least rate gives it for one piece, up to the write
// timeout.
func (p *portable) send() error {
	if len(p.bufs) == 0 {
		return nil
	}
	p.keep()
	defer p.cutoff.disarm()
	c, left, pieces, begin := p.client, 0, 0, time.Now()
	defer func() { c.behind = c.behind || time.Since(begin) >= slowWrite }()
	size := int(max(c.engine.quota/piecesPerQuota, 1))
	more := c.engine.timeFor(uint64(size))
	for _, buf := range p.bufs {
		for len(buf) > 0 {
			if left == 0 {
				if pieces > 0 {
					p.until = p.until.Add(more)
				} else {
					p.until = time.Now().Add(c.engine.opts.WriteTimeout)
				}
				p.allow()
				left, pieces = size, pieces+1
			}
			n, err := p.w.Write(buf[:min(len(buf), left)])
			c.bytes += uint64(n)
			c.engine.stats.bytes.Add(uint64(n))
			if err != nil {
				return err
			}
			buf, left = buf[n:], left-n
		}
	}
	clear(p.bufs)
	p.bufs = p.bufs[:0]
	c.letGo()
	if pieces > 1 { // the end of the last piece is still in the buffer of net/http
		p.until = p.until.Add(more)
		p.allow()
	}
	return p.control.Flush()
}

// keep notes what the client may hold while it takes what is written now. Its
// goroutine cannot receive meanwhile, so events stay in history.
func (p *portable) keep() {
	c, size := p.client, 0
	for _, buf := range p.bufs {
		size += len(buf)
	}
	for _, e := range c.backlog.all() {
		size += len(e.Frame())
	}
	if size > largeHeld {
		c.engine.holdings.hold(c, p.bufs, 0, false)
		c.pause(-1)
	}
}

// allow lets a write go on until then.
func (p *portable) allow() {
	p.bound()
	p.cutoff.arm(p.until)
}

// bound bounds until by the write timeout. A stream that ends with a drain has the write
// timeout once, for everything that is left. One whose time is over has less.
func (p *portable) bound() {
	select {
	case <-p.drain:
		p.drains()
	case <-p.review:
		p.reviewed()
	default:
	}
	timeout := p.client.engine.opts.WriteTimeout
	p.until = earlier(p.until, time.Now().Add(timeout))
	switch p.ending {
	case ReasonDrain:
		p.until = earlier(p.until, p.endAt.Add(timeout))
	case ReasonExpired:
		p.until = earlier(p.until, p.endAt.Add(expiryGrace))
	default:
	}
}

// timeFor returns the time that a client has for this number of bytes, up to the write
// timeout.
func (e *Engine) timeFor(bytes uint64) time.Duration {
	return time.Duration(min(float64(bytes)/float64(e.quota), 1) * float64(e.opts.WriteTimeout))
}

// earlier returns the earlier of two times, neither of which is zero.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
