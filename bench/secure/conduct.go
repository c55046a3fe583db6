package secure

import (
	"context"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/result"
)

// Conduct measures the cases. Each round has those of its rounds in the same order, so that
// ratios within a round are fair. That a case fails is a result too.
func (r *Result) Conduct(ctx context.Context, w *peer.Workshop, cases []Case, log func(format string, args ...any)) error {
	start := time.Now()
	r.About.Date = start.UTC().Truncate(time.Second)
	prepared := make(map[string]bool)
	for _, c := range cases {
		if !prepared[c.Peer.Name] {
			prepared[c.Peer.Name] = true
			log("preparing %s", c.Peer.Name)
			version := result.Version{Peer: c.Peer.Name}
			if err := c.Peer.Prepare(w); err != nil {
				log("%s is left out: %v", c.Peer.Name, err)
				version.Missing, _, _ = strings.Cut(w.Anonymous(err), "\n")
			} else {
				version.Version = c.Peer.Version(w)
			}
			r.About.Versions = append(r.About.Versions, version)
		}
		r.Rows = append(r.Rows, Row{Peer: c.Peer.Name, Title: c.Peer.Title, Note: c.Peer.Note, Protocol: c.Protocol, Clients: c.Clients})
	}
	for round := range r.Settings.Rounds {
		for i, c := range cases {
			row := &r.Rows[i]
			if round >= c.Rounds || r.missing(c.Peer.Name) {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			log("round %d of %d: %s, %v, %d clients", round+1, c.Rounds, row.Title, row.Protocol, row.Clients)
			f, err := Measure(ctx, w, c, r.Settings)
			if err != nil {
				log("%v", err)
				row.Failed, _, _ = strings.Cut(w.Anonymous(err), "\n")
				continue
			}
			row.Rounds = append(row.Rounds, f)
		}
	}
	r.About.Seconds = time.Since(start).Seconds()
	return nil
}

// missing reports whether a server could not be prepared.
func (r *Result) missing(name string) bool {
	for _, v := range r.About.Versions {
		if v.Peer == name {
			return v.Missing != ""
		}
	}
	return false
}
