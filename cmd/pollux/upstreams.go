package main

import (
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/metrics"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// upstreams tells the handlers what the poller knows; the two do not know each
// other.
func (p *program) upstreams() []handlers.Upstream {
	statuses := p.poller.Status()
	saved := make(map[string]uint64, len(statuses))
	set := p.streams.Load()
	for i, stream := range set.polled {
		saved[stream.Name] = set.tallies[i].saved.Load()
	}
	upstreams := make([]handlers.Upstream, 0, len(statuses))
	for _, s := range statuses {
		var failures uint64
		for _, n := range s.Failures {
			failures += n
		}
		upstreams = append(upstreams, handlers.Upstream{
			Name: s.Name,
			Status: hub.Status{
				State:       s.State,
				Since:       s.Since,
				LastSuccess: s.LastSuccess,
				Error:       s.Error,
			},
			Every:    s.Every,
			NextPoll: s.NextPoll,
			Requests: s.Polls,
			Failures: failures,
			Saved:    saved[s.Name],
			Idle:     s.Idle,
		})
	}
	return upstreams
}

// measured tells the metrics what the poller knows.
func (p *program) measured() []metrics.Upstream {
	statuses := p.poller.Status()
	counted := make(map[string]httpjson.Stats, len(statuses))
	set := p.streams.Load()
	for i, stream := range set.polled {
		counted[stream.Name] = set.tallies[i].stats()
	}
	upstreams := make([]metrics.Upstream, 0, len(statuses))
	for _, s := range statuses {
		upstreams = append(upstreams, metrics.Upstream{
			Stream:      s.Name,
			Succeeded:   s.Successes - s.Unchanged,
			Unchanged:   s.Unchanged,
			Hidden:      s.Hidden,
			Failed:      s.Failures,
			Duration:    s.TotalDuration,
			LastSuccess: s.LastSuccess,
			Retries:     counted[s.Name].Retries,
			Refused:     counted[s.Name].Refused,
		})
	}
	return upstreams
}
