package poller

import "time"

// cellsOfInterval is into how many cells an interval is divided to count the keys that
// are due in each.
const cellsOfInterval = 64

// places counts how many keys are due in each part of the interval, to find one for
// another key. Keys that come together would otherwise be asked together for ever.
type places struct {
	every time.Duration
	zero  time.Time // from which parts of the interval are counted
	cells [cellsOfInterval]int
}

// change notes that so many more keys are due at the given time, and each interval
// before and after.
func (p *places) change(due time.Time, keys int) {
	cell, _ := p.cell(due)
	p.cells[cell] += keys
}

// cell returns the part of the interval that a time is in, and how far.
func (p *places) cell(at time.Time) (cell int, within time.Duration) {
	if p.zero.IsZero() {
		p.zero = at
	}
	phase := at.Sub(p.zero) % p.every
	if phase < 0 {
		phase += p.every
	}
	width := p.width()
	return int(phase / width), phase % width
}

func (p *places) width() time.Duration {
	return (p.every + cellsOfInterval - 1) / cellsOfInterval
}

// find returns when to ask for a key that has to be asked after now, and until by, of
// count keys with batch in a request. That is as late as there is room: no part of the
// interval has more than its share of the requests, as far as that depends on the keys
// that come.
func (p *places) find(now, by time.Time, count, batch int) time.Time {
	cell, within := p.cell(by)
	if p.cells[cell] < batch {
		return by
	}
	width := p.width()
	requests := (count + batch - 1) / batch
	share := (requests + cellsOfInterval - 1) / cellsOfInterval // of a cell
	start := by.Add(-within)
	for range cellsOfInterval {
		if request := p.cells[cell] / batch; request < share {
			part := time.Duration(2*(share-request) - 1) // of twice the share: in the middle
			if at := start.Add(width * part / time.Duration(2*share)); at.After(now) && !at.After(by) {
				return at
			}
		}
		if cell--; cell < 0 {
			cell = cellsOfInterval - 1
		}
		if start = start.Add(-width); !start.Add(width).After(now) {
			break
		}
	}
	return by
}
