package lease

import (
	"hash/fnv"
	"time"
)

// sighting is when a node was last seen to renew its record.
type sighting struct {
	node     string
	revision uint64
	at       time.Time
}

// members are the nodes that are there, by session, as one of them sees it.
type members struct {
	self string
	ttl  time.Duration
	seen map[string]*sighting
}

// see notes the record of a node. It reports whether a node has come or gone. A record that was
// there before this node looked says nothing of a node that is there: one that was killed has left
// it. So such a node is there when it renews its record.
func (m *members) see(session string, one member, revision uint64, now time.Time, isOld bool) (changed bool) {
	last := m.seen[session]
	switch {
	case session == m.self || last != nil && last.revision == revision || last == nil && isOld && one.Session != "":
		return false
	case one.Session == "":
		delete(m.seen, session)
		return last != nil
	}
	changed = last == nil || !m.isThere(session, now)
	m.seen[session] = &sighting{node: one.Node, revision: revision, at: now}
	return changed
}

// isThere reports whether a node has renewed its record within a TTL.
func (m *members) isThere(session string, now time.Time) bool {
	one := m.seen[session]
	return session == m.self || one != nil && now.Sub(one.at) < m.ttl
}

// sweep forgets the nodes that have not been there for long.
func (m *members) sweep(now time.Time) {
	for session, one := range m.seen {
		if now.Sub(one.at) > 10*m.ttl {
			delete(m.seen, session)
		}
	}
}

// rank returns how many other nodes come before one for a stream, of those that are there.
// The node that has had the lease last does not count: it is gone, or wants it no more.
func (m *members) rank(session, stream, last string, now time.Time) (rank int) {
	own := score(session, stream)
	for _, other := range m.sessions() {
		if other == session || other == last || !m.isThere(other, now) {
			continue
		}
		if s := score(other, stream); s > own || s == own && other > session {
			rank++
		}
	}
	return rank
}

func (m *members) sessions() []string {
	list := []string{m.self}
	for session := range m.seen {
		list = append(list, session)
	}
	return list
}

// score is how much a node is the right one for a stream: whatever the other nodes are, so
// that when a node comes or goes no stream moves between others.
func score(session, stream string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(session + "\n" + stream)) // which never fails
	x := h.Sum64()                                  // of which similar texts share the upper bits
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
