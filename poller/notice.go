package poller

import (
	"context"
	"log/slog"
)

// notice writes a line of the log when an upstream that answers begins to give an operator
// a reason to change the configuration. The zero value knows of none.
type notice string

// hear takes Reading.Notice of an attempt that has succeeded.
func (n *notice) hear(ctx context.Context, logger *slog.Logger, said string) {
	if said == string(*n) {
		return
	}
	*n = notice(said)
	if said != "" {
		logger.WarnContext(ctx, "configuration should change", "reason", said)
	}
}
