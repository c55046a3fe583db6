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
