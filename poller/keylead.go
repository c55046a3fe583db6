package poller

import (
	"context"
	"maps"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// grant is the lease of a group, which this node holds.
type grant struct {
	Held
	left chan struct{} // closed when it may be released
}

// move says that the lease of a group was taken, or that it is to be given up.
type move struct {
	group *group
	grant *grant // nil: to be given up
}

// apply holds the lease of a group whenever this node can have it, until ctx ends.
func (r *keyring) apply(ctx context.Context, g *group) {
	for ctx.Err() == nil {
		held, err := r.lease.Acquire(ctx, g.lease)
		if err != nil {
			if ctx.Err() == nil {
				r.logger.ErrorContext(ctx, "keys not polled", "reason", err.Error())
			}
			return
		}
		one := &grant{held, make(chan struct{})}
		select {
		case r.moves <- move{g, one}:
			r.await(ctx, g, one)
		case <-ctx.Done():
		}
		releasing, enough := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		if err := held.Release(releasing); err != nil {
			r.logger.DebugContext(ctx, "lease of keys not released, so it runs out", "reason", err.Error())
		}
		enough()
	}
}

// await returns when a lease may be released, which the keyring decides.
func (r *keyring) await(ctx context.Context, g *group, one *grant) {
	select {
	case <-one.Wanted():
	case <-one.Context().Done():
	case <-one.left:
		return
	}
	select {
	case r.moves <- move{group: g}:
	case <-one.left:
		return
	case <-ctx.Done():
	}
	<-one.left
}

// shift polls the keys of a group from now on, or gives them up.
func (r *keyring) shift(m move, now time.Time) {
	if m.grant == nil {
		r.leave(m.group, now)
		return
	}
	g := m.group
	g.grant, g.outdated = m.grant, false
	saved, age := g.grant.Saved()
	r.resume(parseKnown(saved), now.Add(-age), now)
	r.note(func() { r.record.hold(g.index, true) })
	r.tellMoved()
	r.hear(now) // the keys that clients of other nodes listen to
	r.enter(g, now)
	r.logger.Debug("lease of keys taken", "group", g.index)
}

// resume takes over what the last holder of a group knew.
func (r *keyring) resume(k *known, at, now time.Time) {
	if k == nil {
		return
	}
	r.note(func() {
		if !r.record.holds {
			r.record.fresh = freshness{
				every: r.stream.Every, success: k.Success, live: k.Live, due: then(k.Fresh, at),
				failed: then(k.Failed, at), stale: then(k.Stale, at), down: then(k.Down, at),
			}
			r.schedule.suspend()
			r.record.fresh.begin(now, time.Time{})
		}
		r.record.fresh.success = latest(r.record.fresh.success, k.Success)
		if k.Upstream == hashOf([]byte(r.stream.Upstream)) {
			r.trust.never = r.trust.never || k.Hidden
			r.limiter.postpone(atMost(then(k.NotBefore, at), now.Add(r.stream.MaxWait)))
			r.schedule.notBefore = r.limiter.next()
		}
	})
}

// enter takes over the keys of a group. Another node has asked until now for those that have a
// document, so they need not be asked for at once.
func (r *keyring) enter(g *group, now time.Time) {
	var changes, told []hub.KeyChange
	r.kept = map[string]bool{}
	for name, listeners := range r.others {
		if r.groupOf(name) != g {
			continue
		}
		changes = append(changes, hub.KeyChange{Name: name, Exists: true, Listeners: listeners})
		told = append(told, hub.KeyChange{Name: name})
		r.kept[name] = r.demand.Newest(name) != nil
		delete(r.others, name)
	}
	g.polled = true
	r.note(func() {
		for _, change := range changes {
			r.change(change, now)
		}
		r.record.status.Keys = len(r.record.keys)
	})
	r.kept = nil
	r.tellOthers(told)
}

// leave gives up the keys of a group. Its lease is released when nothing is under way.
func (r *keyring) leave(g *group, now time.Time) {
	if !g.polled {
		return
	}
	g.polled = false
	r.note(func() { r.record.hold(g.index, false) })
	r.tellMoved()
	r.note(func() {
		for name, k := range maps.All(r.record.keys) {
			if r.groupOf(name) != g {
				continue
			}
			if exists := !k.gone || k.back != nil && k.back.Exists; exists {
				r.others[name] = 0
			}
			if k.back = nil; !k.gone {
				r.drop(k, now)
			}
		}
		r.record.status.Keys = len(r.record.keys)
		if !r.record.holds {
			r.schedule.end()
		}
	})
	var wanted []hub.KeyChange
	for name := range r.others {
		if listeners := r.demand.Listeners(name); r.groupOf(name) == g && listeners > 0 {
			r.others[name] = listeners
			wanted = append(wanted, hub.KeyChange{Name: name, Exists: true, Listeners: listeners})
		}
	}
	r.tellOthers(wanted)
}

// stepDown gives up the group of a key, because another node has published to it.
func (r *keyring) stepDown(name string, now time.Time) {
	g := r.groupOf(name)
	if g == nil || !g.polled {
		return
	}
	g.outdated = true
	r.note(func() { r.record.status.StepDowns++ })
	r.logger.Warn("another node has published to a key, so this one steps down from its group", "group", g.index)
	r.leave(g, now)
}

// yield lets go of the leases of groups that were given up, of which nothing is under way any
// more.
func (r *keyring) yield(now time.Time) {
	for _, g := range r.groups {
		if g.grant != nil && !g.polled && g.under == 0 {
			r.letGo(g, now)
		}
	}
}

// letGo has the lease of a group released. What this node knows is for the next one, unless it
// knows less than another node.
func (r *keyring) letGo(g *group, now time.Time) {
	if !g.outdated {
		g.grant.Save(r.known(now).text())
	}
	close(g.grant.left)
	g.grant = nil
}

// finish waits for all that is under way, and gives up all groups. A loop that replaces this one
// goes on with the states that clients were told meanwhile.
func (r *keyring) finish() {
	r.all.Wait()
	select {
	case a := <-r.said:
		r.note(a.learn)
	default:
	}
	if r.groups == nil {
		return
	}
	now := time.Now()
	r.note(func() {
		for _, g := range r.groups {
			r.record.hold(g.index, false)
		}
	})
	r.tellMoved()
	for _, g := range r.groups {
		g.polled = false
		if g.grant != nil {
			r.letGo(g, now)
		}
	}
	r.applying.Wait()
}

// tellMoved says that other keys are polled here than before.
func (r *keyring) tellMoved() {
	if r.moved != nil {
		r.moved(r.stream.Name)
	}
}
