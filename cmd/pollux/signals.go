package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// catchSignals is the first thing that main does, so that every signal is handled from
// the start. The goroutine that it starts lives as long as the process.
//
//   - SIGINT or SIGTERM: ctx ends. The second one ends the process at once, with the
//     status of a process that the signal has killed.
//   - SIGHUP: hangups has a value. One that comes during the start waits there.
//   - SIGPIPE is ignored. The write returns EPIPE, which the caller handles.
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
		// A second signal means: exit now. Falling back to the default action would
		// not do, because the first process of a container has none.
		if second, ok := (<-ends).(syscall.Signal); ok {
			os.Exit(128 + int(second))
		}
	}()
	return ctx, hup
}

// obey reloads the configuration and the certificate at every SIGHUP, until ctx ends. The
// log has the result. With neither in a file, SIGHUP is logged and ignored, as other
// daemons do.
func (p *program) obey(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-hangups:
			reloaded := p.notifyReloading()
			switch {
			case p.flags.File != "":
				_, _ = p.reload()
			case p.flags.TLSCertFile != nil:
				_ = p.ReloadCertificate()
			default:
				p.log.Warn("SIGHUP ignored, there is no configuration file to reload")
			}
			reloaded()
		case <-ctx.Done():
			return
		}
	}
}
