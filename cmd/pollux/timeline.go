package main

import (
	"log/slog"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// newLog returns the log that the settings want, or nil for one in memory. keeps says what
// of a stream is kept; it is not called before the log is open.
func (c *serveCommand) newLog(log *slog.Logger, keeps func(stream string) (events, bytes int)) (pollux.Log, error) {
	if c.Data == nil {
		return nil, nil //nolint:nilnil // no log is the default
	}
	server, err := embedded.New(embedded.Options{Dir: *c.Data, Sync: embedded.Sync(*c.DataSync), Logger: log})
	if err != nil {
		return nil, err
	}
	return natslog.New(natslog.Options{Server: server, Keep: keeps, Logger: log})
}
