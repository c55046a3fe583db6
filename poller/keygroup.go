package poller

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/polluxhub/pollux/hub"
)

// maxGroups is the most groups into which the keys of a stream are divided among nodes.
const maxGroups = 16

// group is a part of the keys of a stream, which one node polls at a time. It belongs to the
// goroutine of its keyring.
type group struct {
	index    int
	lease    string // its name
	parallel int    // how many requests may be in flight because this node polls the group

	grant    *grant // nil: another node polls its keys
	polled   bool   // its keys are in the keyring; else a grant is given up when nothing is under way
	outdated bool   // another node has published, so that what this one knows counts for nothing
	under    int    // keys that are in a request or in an announcement that is under way
}

// newGroups returns the groups of the keys of a stream. There are no more than requests may be
// in flight: so each node has a share of those, and all together keep Keys.Parallel.
func newGroups(stream *Stream) []*group {
	n := min(maxGroups, stream.Keys.Parallel)
	groups := make([]*group, n)
	for i := range groups {
		parallel := stream.Keys.Parallel / n
		if i < stream.Keys.Parallel%n {
			parallel++
		}
		groups[i] = &group{index: i, lease: leaseOfGroup(stream.Name, i, n), parallel: parallel}
	}
	return groups
}

// groupOf returns the group of a key, of so many.
func groupOf(name string, groups int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // which never fails
	x := h.Sum64()
	return int((x ^ x>>32) % uint64(groups))
}

// leaseOfGroup returns the name of the lease of a group. It is the name of no stream and of no
// key, and says how many groups there are: nodes that divide a stream differently share no
// lease.
func leaseOfGroup(stream string, group, groups int) string {
	return fmt.Sprintf("%s/%d/%d", stream, group, groups)
}

// SplitLease returns the stream that a lease is for and, of a stream with keys, which group of
// them, of how many. Without keys both are 0.
func SplitLease(lease string) (stream string, group, groups int) {
	parts := strings.Split(lease, "/")
	if len(parts) != 3 {
		return lease, 0, 0
	}
	group, wrong := strconv.Atoi(parts[1])
	groups, also := strconv.Atoi(parts[2])
	if wrong != nil || also != nil {
		return lease, 0, 0
	}
	return parts[0], group, groups
}

// groupOf returns the group of a key, or nil if no other node polls keys.
func (r *keyring) groupOf(name string) *group {
	if r.groups == nil {
		return nil
	}
	return r.groups[groupOf(name, len(r.groups))]
}

// polls reports whether a key is polled here.
func (r *keyring) polls(name string) bool {
	g := r.groupOf(name)
	return g == nil || g.polled
}

// holds reports whether this node may publish to a key at this very moment.
func (r *keyring) holds(name string) bool {
	g := r.groupOf(name)
	return g == nil || g.grant != nil && g.grant.Holds()
}

// parallel returns how many requests may be in flight.
func (r *keyring) parallel() int {
	if r.groups == nil {
		return r.stream.Keys.Parallel
	}
	n := 0
	for _, g := range r.groups {
		if g.polled {
			n += g.parallel
		}
	}
	return n
}

// engage adds to what is under way with some keys: 1 or -1 for each.
func (r *keyring) engage(keys []*watchedKey, change int) {
	for _, k := range keys {
		if g := r.groupOf(k.name); g != nil {
			g.under += change
		}
	}
}

// divide divides the changes into those of keys that are polled here, which it returns, and the
// others, which it notes and passes on.
func (r *keyring) divide(changes []hub.KeyChange) (here []hub.KeyChange) {
	if r.groups == nil {
		return changes
	}
	here = changes[:0]
	var others []hub.KeyChange
	for _, change := range changes {
		switch {
		case r.polls(change.Name):
			here = append(here, change)
			continue
		case change.Exists:
			r.others[change.Name] = change.Listeners
		default:
			delete(r.others, change.Name)
		}
		others = append(others, change)
	}
	r.tellOthers(others)
	return here
}

// tellOthers passes on what has changed in keys that other nodes poll.
func (r *keyring) tellOthers(changes []hub.KeyChange) {
	if len(changes) > 0 && r.elsewhere != nil {
		r.elsewhere(changes)
	}
}

// share returns the pace of this node if all nodes together are to keep a pace.
func (r *keyring) share(pace time.Duration) time.Duration {
	polled := 0
	for _, g := range r.groups {
		if g.polled {
			polled++
		}
	}
	if polled == 0 {
		return pace
	}
	return pace * time.Duration(len(r.groups)) / time.Duration(polled)
}
