package peers

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// sayAtOnce is how many differences are logged one by one, of those that begin or end at once.
const sayAtOnce = 10

// Differences returns the streams that another node has configured in another way, for
// SayAfter and longer, by name of the stream.
func (p *Peers) Differences() []Difference {
	if list := p.differences.Load(); list != nil {
		return *list
	}
	return nil
}

// tellSettings tells all other nodes how this one is configured.
func (p *Peers) tellSettings(conn *nats.Conn) {
	now := time.Now()
	if !p.answered.IsZero() && now.Sub(p.answered) < askSettings/2 {
		return // a node that has just asked hears the last answer, or asks again
	}
	p.answered = now
	for _, part := range p.comparison.parts(p.own.session) {
		if !p.tell(conn, "settings", part) {
			return
		}
	}
}

// compare says which differences have begun and ended.
func (p *Peers) compare(now time.Time) {
	p.comparison.forget(p.presences.isThere)
	begun, ended := p.comparison.review(now)
	if len(begun)+len(ended) > 0 {
		list := p.comparison.said()
		p.differences.Store(&list)
	}
	p.say("nodes have different settings for a stream", "nodes have different settings for more streams", begun)
	p.say("nodes have the same settings for a stream again", "nodes have the same settings for more streams again", ended)
}

// say logs differences.
func (p *Peers) say(one, more string, list []Difference) {
	for _, d := range list[:min(len(list), sayAtOnce)] {
		p.opts.Logger.Warn(one, "stream", d.Stream, "settings", d.words(), "node", p.opts.Node, "other", d.Node)
	}
	if rest := len(list) - sayAtOnce; rest > 0 {
		p.opts.Logger.Warn(more, "streams", rest, "node", p.opts.Node)
	}
}

// words says what differs: the keys of the settings, or that a node does not have the stream.
func (d Difference) words() string {
	if d.Missing != "" {
		return "missing on " + d.Missing
	}
	return strings.Join(d.Keys, ", ")
}
