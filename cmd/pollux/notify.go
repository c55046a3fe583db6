package main

import (
	"context"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// What systemd is told, as sd_notify(3) says. Without NOTIFY_SOCKET nobody is told.

// attend tells systemd that the program is ready, that it stops when ending or ctx does, and,
// until ctx ends, that it is alive, as often as WATCHDOG_USEC demands. It is alive as
// long as the hub answers: a hub that is stuck serves nobody.
func (p *program) attend(ctx, ending context.Context) {
	p.notify(systemd.SdNotifyReady)
	var alive <-chan time.Time
	if interval, err := systemd.SdWatchdogEnabled(false); err != nil {
		p.log.Warn("the watchdog of systemd cannot be read", "error", err)
	} else if interval > 0 {
		ticker := time.NewTicker(interval / 3)
		defer ticker.Stop()
		alive = ticker.C
	}
	stopping := ending.Done()
	for {
		select {
		case <-stopping:
			stopping = nil
			p.notify(systemd.SdNotifyStopping)
		case <-alive:
			_ = p.Hub().Stats() // which takes every lock of the hub
			p.notify(systemd.SdNotifyWatchdog)
		case <-ctx.Done():
			if stopping != nil { // the end was quick, or a part has failed
				p.notify(systemd.SdNotifyStopping)
			}
			return
		}
	}
}

// notifyReloading tells systemd that a reload begins, and returns what tells it that the
// reload has ended.
func (p *program) notifyReloading() (ended func()) {
	p.notify(systemd.SdNotifyReloading + "\n" + systemd.SdNotifyMonotonicUsec())
	return func() { p.notify(systemd.SdNotifyReady) }
}

func (p *program) notify(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		p.log.Debug("systemd not notified", "state", state, "error", err)
	}
}
