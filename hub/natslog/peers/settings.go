package peers

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// SayAfter is how long nodes must have had different settings before that is said: a
	// change that reaches one node after the other is no mistake.
	SayAfter = time.Minute

	// endAfter is how long a difference must not have been seen before it counts as gone: a
	// node that is started anew has it again.
	endAfter = forgetAfter

	// askSettings is the least time between two requests for the settings of a node.
	askSettings = 5 * time.Second

	// settingsAtOnce bounds the settings in one message, in bytes, but for the last stream.
	settingsAtOnce = 50_000

	// maxSettings bounds the streams of one node, and maxText the settings of one stream.
	maxSettings = 100_000
	maxText     = 16 << 10
)

// anyValue is the hash of a value that is not compared.
const anyValue = "*"

// askedSettings asks a node for its settings.
type askedSettings struct {
	Session string `json:"session"`
}

// settings are a part of the settings of a node. Members that are not known are ignored.
type settings struct {
	Session string            `json:"session"`
	Digest  string            `json:"digest"` // of all of them
	First   bool              `json:"first,omitempty"`
	Last    bool              `json:"last,omitempty"`
	Streams map[string]string `json:"streams"` // by stream, KEY=HASH, separated by spaces
}

// Difference is a stream that another node has configured in another way, or not at all.
type Difference struct {
	Stream string
	Node   string // the other one
	Since  time.Time

	// Keys are the settings that differ. There are none if only one of both nodes has the
	// stream: Missing is that node that has not.
	Keys    []string
	Missing string
}

// comparison compares the settings of this node with those of others. It knows no clock and
// sends nothing.
type comparison struct {
	node    string // this one
	digest  string
	streams map[string]string // of this node
	others  map[string]*other // by session
	found   map[place]*finding
}

// other is another node.
type other struct {
	node     string
	digest   string               // of its newest settings
	compared [2]string            // the digests of both sides that differs is of
	differs  map[string]different // by stream
	filled   map[string]string    // of its settings, of which the rest is to come; nil if none is
	asked    time.Time
}

// different is how a stream differs.
type different struct {
	keys    []string
	missing string
}

// place is where nodes differ. Nodes that are called alike count as one.
type place struct{ node, stream string }

// finding is a difference that was seen.
type finding struct {
	different
	since, seen time.Time
	said        bool
}

func newComparison(node string) comparison {
	return comparison{node: node, others: map[string]*other{}, found: map[place]*finding{}}
}

// use notes the settings of this node.
func (c *comparison) use(digest string, streams map[string]string) {
	c.digest, c.streams = digest, streams
}

// hear notes what a node tells of itself. It reports whether its settings have to be asked
// for. A node without a digest is of a version that tells none.
func (c *comparison) hear(m here, now time.Time) (ask bool) {
	o := c.others[m.Session]
	if m.Gone || m.Settings == "" {
		delete(c.others, m.Session)
		return false
	}
	if o == nil {
		o = &other{}
		c.others[m.Session] = o
	}
	o.node, o.digest = m.Node, m.Settings
	switch {
	case o.digest == c.digest:
		o.differs, o.filled, o.compared = nil, nil, [2]string{}
		return false
	case o.compared == [2]string{c.digest, o.digest} || now.Sub(o.asked) < askSettings:
		return false
	}
	o.asked = now
	return true
}

// forget forgets a node that is not heard any more.
func (c *comparison) forget(isThere func(session string) bool) {
	maps.DeleteFunc(c.others, func(session string, _ *other) bool { return !isThere(session) })
}

// fill notes a part of the settings of a node.
func (c *comparison) fill(m settings) {
	o := c.others[m.Session]
	if o == nil {
		return
	}
	if m.First {
		o.filled = map[string]string{}
	}
	if o.filled == nil || m.Digest != o.digest {
		return // a part was lost, or is of other settings: they are asked for again
	}
	for stream, text := range m.Streams {
		if len(o.filled) < maxSettings && len(text) <= maxText && len(valid([]string{stream})) == 1 {
			o.filled[stream] = text
		}
	}
	if m.Last {
		o.differs, o.compared = c.compare(o.filled, o.node), [2]string{c.digest, o.digest}
		o.filled = nil
	}
}

// compare returns the streams that a node has configured in another way than this one.
func (c *comparison) compare(theirs map[string]string, node string) map[string]different {
	differs := map[string]different{}
	for stream, text := range c.streams {
		if other, has := theirs[stream]; !has {
			differs[stream] = different{missing: node}
		} else if keys := compareTexts(text, other); len(keys) > 0 {
			differs[stream] = different{keys: keys}
		}
	}
	for stream := range theirs {
		if _, has := c.streams[stream]; !has {
			differs[stream] = different{missing: c.node}
		}
	}
	return differs
}

// compareTexts returns the keys that differ in two lists of KEY=HASH, sorted.
func compareTexts(a, b string) (keys []string) {
	ofA, ofB := parseSettings(a), parseSettings(b)
	for key, hash := range ofA {
		if other, has := ofB[key]; !has || hash != other && hash != anyValue && other != anyValue {
			keys = append(keys, key)
		}
	}
	for key := range ofB {
		if _, has := ofA[key]; !has {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func parseSettings(text string) map[string]string {
	hashes := map[string]string{}
	for pair := range strings.FieldsSeq(text) {
		if key, hash, ok := strings.Cut(pair, "="); ok {
			hashes[key] = hash
		}
	}
	return hashes
}

// review returns the differences that are to be said now, and those that were said and are
// gone.
func (c *comparison) review(now time.Time) (begun, ended []Difference) {
	for _, o := range c.others {
		for stream, how := range o.differs {
			at := place{o.node, stream}
			if c.found[at] == nil {
				c.found[at] = &finding{since: now}
			}
			c.found[at].different, c.found[at].seen = how, now
		}
	}
	for at, f := range c.found {
		switch {
		case now.Sub(f.seen) >= endAfter:
			if f.said {
				ended = append(ended, f.at(at))
			}
			delete(c.found, at)
		case !f.said && now.Sub(f.since) >= SayAfter && f.seen.Equal(now):
			f.said = true
			begun = append(begun, f.at(at))
		}
	}
	sortDifferences(begun)
	sortDifferences(ended)
	return begun, ended
}

// said returns the differences that have been said and are not gone.
func (c *comparison) said() (list []Difference) {
	for at, f := range c.found {
		if f.said {
			list = append(list, f.at(at))
		}
	}
	sortDifferences(list)
	return list
}

func (f *finding) at(where place) Difference {
	return Difference{Stream: where.stream, Node: where.node, Since: f.since, Keys: f.keys, Missing: f.missing}
}

func sortDifferences(list []Difference) {
	slices.SortFunc(list, func(a, b Difference) int { return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Node, b.Node)) })
}

// parts returns the settings of this node as messages.
func (c *comparison) parts(session string) (list []settings) {
	part := settings{Session: session, Digest: c.digest, First: true, Streams: map[string]string{}}
	size := 0
	for stream, text := range c.streams {
		if size >= settingsAtOnce {
			list = append(list, part)
			part, size = settings{Session: session, Digest: c.digest, Streams: map[string]string{}}, 0
		}
		part.Streams[stream] = text
		size += len(stream) + len(text)
	}
	part.Last = true
	return append(list, part)
}
