package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// reloaded is what a reload did, by the names of streams.
type reloaded struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"` // in anything: where documents come from, how they are asked for, what is kept, who may what
	Removed []string `json:"removed"`
	Kept    int      `json:"kept"` // those of which everything is as it was

	// Restart names the settings that differ from those at the start and cannot
	// be changed while it runs.
	Restart []string `json:"restart"`
}

// statusTimeout bounds the telling of a status.
const statusTimeout = 5 * time.Second

var errNoFile = errors.New("there is no configuration file to reload: start with --config")

// reload puts the streams of the file in force. Streams that are configured as
// before are not touched. After an error everything is as it was.
func (p *program) reload() (*reloaded, error) {
	p.reloading.Lock()
	defer p.reloading.Unlock()
	if p.file == "" {
		return nil, errNoFile
	}
	done, err := p.apply()
	if err != nil {
		p.log.Error("configuration not reloaded, the old one stays in force", "error", err)
		return nil, err
	}
	p.log.Info("configuration reloaded", "added", done.Added, "changed", done.Changed, "removed", done.Removed, "kept", done.Kept)
	if len(done.Restart) > 0 {
		p.log.Warn("settings that need a restart have changed", "settings", done.Restart)
	}
	return done, nil
}

func (p *program) apply() (*reloaded, error) {
	file, err := p.load()
	if err != nil {
		return nil, err
	}
	set, err := newStreamSet(p.file, file.Streams, canaryOf(file), p.maxDocument, p.places)
	if err != nil {
		return nil, err
	}
	old := p.streams.Load()

	// New streams are there before anybody publishes to them, old ones until
	// nobody does any more.
	both := slices.Clone(set.history)
	for _, stream := range old.history {
		if !set.known[stream.Name] {
			both = append(both, stream)
		}
	}
	if err := p.hub.SetStreams(both); err != nil {
		return nil, err
	}
	change, err := p.poller.Set(set.polled)
	if err != nil {
		return nil, errors.Join(err, p.hub.SetStreams(old.history))
	}
	p.streams.Store(set)
	if err := p.hub.SetStreams(set.history); err != nil { // the names were good a moment ago
		p.log.Error("removed streams stay", "error", err)
	}
	for _, name := range change.Removed {
		if set.known[name] {
			p.pushOnly(name)
		}
	}
	done := &reloaded{Added: []string{}, Changed: []string{}, Removed: []string{}, Restart: p.settings.Differs(file)}
	for _, name := range set.names {
		switch {
		case !old.known[name]:
			done.Added = append(done.Added, name)
		case set.prints[name] != old.prints[name]:
			done.Changed = append(done.Changed, name)
		default:
			done.Kept++
		}
	}
	for _, name := range old.names {
		if !set.known[name] {
			done.Removed = append(done.Removed, name)
		}
	}
	return done, nil
}

// pushOnly tells that a stream which was polled is live: it is only published to
// now, so nobody would ever tell that it is not stale any more.
func (p *program) pushOnly(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	_, err := p.hub.Publish(ctx, hub.Message{Stream: name, Status: &hub.Status{State: hub.Live, Since: time.Now()}})
	if err != nil {
		p.log.Warn("status not published", "stream", name, "error", err)
	}
}
