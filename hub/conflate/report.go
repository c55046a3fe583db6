package conflate

import (
	"context"
	"time"
)

// reportGap is the least time between two lines of the log, so that a log that fails
// under many streams is told once.
const reportGap = time.Minute

// report is what the log was told of failures.
type report struct {
	last   time.Time
	untold int // failures since then
}

// complain logs that a document that waited was not published.
func (c *Conflator) complain(ctx context.Context, stream string, err error) {
	c.mu.Lock()
	if now := time.Now(); now.Sub(c.report.last) >= reportGap {
		untold := c.report.untold
		c.report = report{last: now}
		c.mu.Unlock()
		c.opts.Logger.WarnContext(ctx, "a conflated document was not published",
			"stream", stream, "error", err, "again", !refused(err), "not_logged", untold)
		return
	}
	c.report.untold++
	c.mu.Unlock()
}
