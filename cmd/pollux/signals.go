package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// catchSignals is the first thing that main does, so that no signal finds the program
// without an answer. What it starts lives as long as the process.
//
//   - SIGINT or SIGTERM: ctx ends. The second ends the process at once, with the status
//     of one that the signal has killed.
//   - SIGHUP: hangups has a value. One that comes during the start waits there.
//   - SIGPIPE: nothing. Who writes to a pipe that nobody reads has an error to handle.
func catchSignals() (ctx context.Context, hangups <-chan os.Signal) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	ends := make(chan os.Signal, 2)
	signal.Notify(ends, os.Interrupt, syscall.SIGTERM)
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		<-ends
		stop()
		// Whoever asks twice does not want to wait. Falling back to the default
		// action would not do: the first process of a container has none.
		if second, ok := (<-ends).(syscall.Signal); ok {
			os.Exit(128 + int(second))
		}
	}()
	return ctx, hup
}

// obey reloads the configuration at every SIGHUP, until ctx ends. What comes of it
// stands in the log. Without a file there is nothing to reload, which is no reason to
// end: a sender expects what other daemons do.
func (p *program) obey(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-hangups:
			if p.flags.File == "" {
				p.log.Warn("SIGHUP ignored, there is no configuration file to reload")
				continue
			}
			_, _ = p.reload()
		case <-ctx.Done():
			return
		}
	}
}
