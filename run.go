package pollux

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/internal/listen"
	"github.com/polluxhub/pollux/internal/machine"
	"github.com/polluxhub/pollux/internal/parts"
)

// Run starts everything, and ends it when ctx ends or a part fails. If ctx has ended, the
// lame duck comes first: everything is served as before, and only /readyz says that the
// end is near. The poller and the hub work on while streams are drained. Run returns when all goroutines that it has
// started have ended. The error is that of each part that failed, or of an address
// that cannot be bound, or ErrLogStuck. A Pollux runs once: a second Run returns ErrRunning.
func (p *Pollux) Run(ctx context.Context) error {
	if p.ran.Swap(true) {
		return ErrRunning
	}
	if p.unregister != nil {
		defer p.unregister()
	}
	if err := p.Listen(ctx); err != nil {
		return err
	}
	if p.opts.TuneRuntime {
		defer machine.LimitMemory(p.log)()
	}
	if p.opts.Log != nil {
		if err := p.opts.Log.Open(ctx); err != nil {
			if p.opts.Nodes != nil {
				p.opts.Nodes.Close()
			}
			return errors.Join(err, p.closeListeners(), p.closeLog(time.Time{}))
		}
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	running := parts.Start(working, p.parts())
	p.announce()

	ended, failed := running.One(ctx)
	if !ended && p.opts.LameDuck > 0 {
		p.log.Info("not ready any more, and still serving", "lame_duck", p.opts.LameDuck.String())
		p.readiness.lame.Store(true)
		waiting, enough := context.WithTimeout(context.WithoutCancel(ctx), p.opts.LameDuck)
		ended, failed = running.One(waiting)
		enough()
	}
	latest := time.Now().Add(max(p.opts.Drain, flushTimeout) + ShutdownGrace)
	down := make(chan error, 1)
	go func() { down <- p.shutdown() }()
	<-p.engine.DrainBegins()
	if ended {
		p.log.Error("shutting down because a part ended", "error", failed)
	} else {
		p.log.Info("shutting down", "drain", p.opts.Drain.String())
	}
	err := errors.Join(failed, <-down)
	stop()
	err = errors.Join(err, running.All())
	if p.opts.Log != nil {
		err = errors.Join(err, p.closeLog(latest), p.closeListeners())
	}
	if p.opts.Nodes != nil {
		p.opts.Nodes.Close()
	}
	p.setting.Lock() // until SetStreams has ended
	defer p.setting.Unlock()
	p.log.Info("shut down")
	return err
}

// parts are the goroutines of Run.
func (p *Pollux) parts() []parts.Part {
	list := []parts.Part{
		{Name: "hub", Run: p.hub.Run},
		{Name: "writers", Run: p.engine.Run},
		{Name: "poller", Run: p.recovered(p.poller.Run, false)},
		{Name: "conflater", Run: p.latest.Run},
	}
	if p.opts.TuneRuntime {
		list = append(list, parts.Part{Name: "memory", Run: func(ctx context.Context) error {
			machine.TuneGC(ctx, p.opts.TLS.IsSet(), p.moved)
			return nil
		}})
	}
	if p.isShared() {
		list = append(list, parts.Part{Name: "log", Run: p.watchLog})
	}
	if p.here != nil {
		list = append(list,
			parts.Part{Name: "listeners", Run: p.here.watch},
			parts.Part{Name: "nodes", Run: func(ctx context.Context) error { return p.opts.Nodes.Run(ctx, p.here) }})
	}
	if p.leaf != nil {
		list = append(list,
			parts.Part{Name: "demand", Run: p.leaf.demand.watch},
			parts.Part{Name: "follower", Run: func(ctx context.Context) error { return p.leaf.log.Run(ctx, p.leaf.demand) }})
	}
	if p.tokens != nil {
		list = append(list, parts.Part{Name: "tokens", Run: func(ctx context.Context) error {
			p.tokens.Run(ctx, p.tellOfKeys)
			return nil
		}})
	}
	if p.server != nil {
		list = append(list, parts.Part{Name: "server", Run: p.recovered(p.serve, true)})
	}
	if p.certificate != nil {
		list = append(list, parts.Part{Name: "certificate", Run: p.certificate.Run})
	}
	if p.admin != nil {
		list = append(list, parts.Part{Name: "admin", Run: func(context.Context) error { return p.engine.ServeAdmin(p.admin, p.adminListeners...) }})
	}
	return list
}

// announce logs what has started.
func (p *Pollux) announce() {
	for _, listener := range p.adminListeners {
		p.log.Info("admin listening", "url", urlOf(listener, p.certificate != nil && !listen.IsLocal(p.opts.AdminListen)))
	}
	p.limits.log(p.log)
	p.announceOpen()
	for _, listener := range p.listeners {
		p.log.Info("listening", "url", urlOf(listener, p.certificate != nil), "version", p.opts.Version)
	}
}

// moved returns a count that changes by one with each stream that begins or ends,
// and how many there are.
func (p *Pollux) moved() (count int64, clients int) {
	stats := p.engine.Stats()
	for _, n := range stats.Ended {
		count += 2 * int64(n)
	}
	return count + int64(stats.Clients), stats.Clients
}
