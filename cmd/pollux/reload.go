package main

import (
	"errors"
	"fmt"

	"github.com/polluxhub/pollux"
)

// reloaded is what a reload did.
type reloaded struct {
	pollux.Change // any change to a stream counts, including its permissions

	// Restart names the settings that differ from those at the start and cannot
	// be changed while it runs.
	Restart []string `json:"restart"`
}

var errNoFile = errors.New("there is no configuration file to reload: start with --config")

// reload puts the streams and the static tokens of the file in force, and the certificate.
// Streams that are configured as before are not touched. After an error everything is as it
// was, except after one about the certificate: then its text says that all else is reloaded.
func (p *program) reload() (*reloaded, error) {
	p.reloading.Lock()
	defer p.reloading.Unlock()
	if p.flags.File == "" {
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
	if err := p.ReloadCertificate(); err != nil {
		return nil, fmt.Errorf("%w; all else is reloaded", err)
	}
	return done, nil
}

func (p *program) apply() (*reloaded, error) {
	file, err := p.flags.Load()
	if err != nil {
		return nil, err
	}
	streams, err := p.newStreams(file)
	if err != nil {
		return nil, err
	}
	static, err := file.StaticTokens()
	if err != nil {
		return nil, err
	}
	var change pollux.Change
	if p.hasTokens && file.Tokens != nil {
		change, err = p.SetStreamsAndTokens(streams, static)
	} else {
		change, err = p.SetStreams(streams)
	}
	if open, ok := errors.AsType[*pollux.OpenError](err); ok {
		return nil, fmt.Errorf("%s: want access: token for it, or public: true and a restart", openness(p.flags, open))
	}
	if errors.Is(err, pollux.ErrFollows) { // the streams are those of the origin
		change, err = pollux.Change{Added: []string{}, Changed: []string{}, Removed: []string{}}, nil
		if p.hasTokens && file.Tokens != nil {
			err = p.SetTokens(static)
		}
	}
	if err != nil {
		return nil, err
	}
	return &reloaded{change, p.flags.NeedsRestart(file)}, nil
}
