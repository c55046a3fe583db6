package pollux

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/followlog/line"
	"github.com/polluxhub/pollux/hub/markup"
	"github.com/polluxhub/pollux/poller"
)

// The bounds of the history of a key that is polled, unless its Stream says otherwise.
// Its clients want its newest state, and there may be many keys.
const (
	KeyHistory      = 100
	KeyHistoryBytes = 64 << 10
)

// Stream is one stream, and where its documents come from.
type Stream struct {
	// Name is the name of the stream, see [hub.CheckStream]. Empty means
	// hub.DefaultStream.
	Name string

	// Poll says where documents come from and how often they are fetched. Its Name is
	// ignored, and its Revision is by default that of the Stream. Without a Source,
	// Keys and a Feed nothing is fetched: the stream is only published to.
	Poll poller.Stream

	// Keys, if not nil, makes it a stream with keys: a stream for each key, which exists
	// while a client listens to it. Its documents come from Poll.Keys, or are published
	// to NAME/KEY. Pushed is ignored: it is true without Poll.Keys.
	Keys *hub.KeyOptions

	// History is how many events are kept, and HistoryBytes bounds their size. 0
	// means what Options.Hub says; of each key that is polled, at most KeyHistory and
	// KeyHistoryBytes.
	History, HistoryBytes int

	// Replay is what a client that resumes, or is slow, gets of the documents that it
	// missed, unless it asks for something else. hub.ReplayDefault means hub.ReplayAuto
	// if the stream is polled, because such documents are states of the same thing, and
	// otherwise hub.ReplayAll.
	Replay hub.Replay

	// ReplayEvents and ReplayBytes bound what hub.ReplayAuto replays in full, see
	// hub.StreamOptions.
	ReplayEvents, ReplayBytes int

	// AtMost is the least time between two documents that are published to the stream, or
	// to one of its keys. If more are published, the newest one waits and replaces those
	// that wait already. 0 means none. It has no effect on a stream that is polled.
	AtMost time.Duration

	// Key is a JSON Pointer (RFC 6901) to the member that identifies the elements of
	// arrays in deltas. Empty means that elements are compared by position.
	Key string

	// Template renders the documents of the stream, and of its keys, as HTML for clients that
	// ask for it. Nil means that there is no HTML of it.
	Template *markup.Template

	// Access says who can read the stream. AccessDefault means what Options.Access says.
	Access Access

	// Publish is the token for POST /api/streams/NAME/events, and for the keys of the
	// stream. The zero value means that Options.HTTP.Publish is.
	Publish auth.Bearer

	// PollAuth are the credentials for POST /api/streams/NAME/poll. The zero value
	// refuses all callers.
	PollAuth handlers.PollAuth

	// Revision names all of the above, in words of the caller. SetStreams counts a
	// stream as kept if its name and Revision are those of one that it has. An empty
	// Revision equals no other.
	Revision string

	// Settings are what the nodes of Options.Nodes compare, to say where a stream is not
	// configured alike: KEY=HASH, separated by spaces. The hashes are sent to other nodes, so
	// nobody must be able to guess a secret from them. The hash * equals any other. Empty
	// means that the stream is not compared.
	Settings string

	followed *line.Stream // what the origin says, if there is one
}

// streamSet is a set of streams, and what each part has to know of it. It is not
// changed once it is made: SetStreams makes another.
type streamSet struct {
	names     []string
	known     map[string]bool
	revisions map[string]string
	history   []hub.StreamOptions // of each name, in the same order
	polled    []poller.Stream
	sources   map[string]bool // whether the stream is polled
	keys      map[string]document.Pointer
	templates map[string]*markup.Template // of those that have one
	access    map[string]handlers.PollAuth
	publish   map[string]auth.Bearer   // of those that have one
	guarded   map[string]bool          // whether it needs a token to be read
	onDemand  map[string]bool          // whether it is polled while somebody listens
	gaps      map[string]time.Duration // of those that have AtMost
	settings  map[string]string        // of those that have some
	digest    string                   // of settings
	gate      *gate                    // of those who publish
}

// polledBy returns the set with its streams, of which nobody can publish to those that
// are polled in next either.
func (set *streamSet) polledBy(next *streamSet) *streamSet {
	both := *set
	both.gate, both.sources = new(gate), maps.Clone(set.sources)
	maps.Copy(both.sources, next.sources)
	return &both
}

// newStreamSet returns the set of these streams for a Pollux with these options. The
// error names each mistake that neither the hub nor the poller finds.
func newStreamSet(streams []Stream, opts Options) (*streamSet, error) {
	if len(streams) == 0 && opts.Follow == nil {
		streams = []Stream{{}}
	}
	set := &streamSet{
		known:     make(map[string]bool),
		revisions: make(map[string]string),
		sources:   make(map[string]bool),
		keys:      make(map[string]document.Pointer),
		templates: make(map[string]*markup.Template),
		access:    make(map[string]handlers.PollAuth),
		publish:   make(map[string]auth.Bearer),
		guarded:   make(map[string]bool),
		onDemand:  make(map[string]bool),
		gaps:      make(map[string]time.Duration),
		settings:  make(map[string]string),
		gate:      new(gate),
	}
	var errs []error
	for _, s := range streams {
		name := cmp.Or(s.Name, hub.DefaultStream)
		key, err := document.ParsePointer(s.Key)
		if err != nil {
			errs = append(errs, fmt.Errorf("pollux: Key of stream %q: %w", name, err))
		}
		set.names = append(set.names, name)
		set.known[name] = true
		set.revisions[name] = s.Revision
		set.history = append(set.history, s.options(name, opts.Hub))
		set.keys[name] = key
		if s.Template != nil {
			set.templates[name] = s.Template
		}
		set.access[name] = s.PollAuth
		if s.Publish != (auth.Bearer{}) {
			set.publish[name] = s.Publish
		}
		if set.guarded[name], err = opts.isGuarded(s.Access); err != nil {
			errs = append(errs, err)
		}
		if s.Settings != "" {
			set.settings[name] = s.Settings
		}
		if s.AtMost > 0 {
			set.gaps[name] = s.AtMost
		}
		if s.AtMost < 0 {
			errs = append(errs, fmt.Errorf("pollux: AtMost of stream %q is %v, want more than 0, or 0 for none", name, s.AtMost))
		}
		if (s.Keys == nil) != (s.Poll.Keys == nil) && s.isPolled() {
			errs = append(errs, fmt.Errorf("pollux: stream %q: Keys says which keys there are, and Poll.Keys how they are fetched, want both or neither", name))
		}
		if s.followed != nil {
			set.sources[name] = s.followed.Polled || s.Keys != nil
			set.onDemand[name] = s.followed.OnDemand
		}
		if !s.isPolled() {
			continue
		}
		set.onDemand[name] = s.Poll.OnDemand
		polled := s.Poll
		polled.Name, polled.Revision = name, cmp.Or(polled.Revision, s.Revision)
		errs = append(errs, polled.Check()) // before SetStreams changes anything
		set.sources[name] = true
		set.polled = append(set.polled, polled)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	set.digest = digestOf(set.settings)
	return set, opts.checkOpen(set)
}

// digestOf returns a digest of settings, "" if there are none.
func digestOf(settings map[string]string) string {
	if len(settings) == 0 {
		return ""
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(h, "%s %s\n", name, settings[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// isPolled reports whether the documents of the stream are fetched.
func (s Stream) isPolled() bool { return s.Poll.HasUpstream() }

// options returns what the hub has to know of the stream.
func (s Stream) options(name string, keeps hub.Options) hub.StreamOptions {
	o := hub.StreamOptions{
		Name: name, History: s.History, HistoryBytes: s.HistoryBytes,
		Replay: s.Replay, ReplayEvents: s.ReplayEvents, ReplayBytes: s.ReplayBytes,
	}
	if o.Replay == hub.ReplayDefault && s.isPolled() {
		o.Replay = hub.ReplayAuto
	}
	if s.Keys == nil {
		return o
	}
	keys := *s.Keys
	keys.Pushed = !s.isPolled() && s.followed == nil
	o.Keys = &keys
	if s.isPolled() {
		o.History = cmp.Or(o.History, min(cmp.Or(keeps.History, hub.DefaultHistory), KeyHistory))
		o.HistoryBytes = cmp.Or(o.HistoryBytes, min(cmp.Or(keeps.HistoryBytes, hub.DefaultHistoryBytes), KeyHistoryBytes))
	}
	return o
}

// connections returns how many connections to upstreams are used at once.
func (set *streamSet) connections() int {
	all := 0
	for _, s := range set.polled {
		if s.Keys == nil {
			all++
		} else {
			all += cmp.Or(s.Keys.Parallel, poller.DefaultParallel)
		}
	}
	return all
}

// isKept reports whether a stream is in both sets, with the same Revision.
func (set *streamSet) isKept(name string, old *streamSet) bool {
	return old.known[name] && set.revisions[name] != "" && set.revisions[name] == old.revisions[name]
}
