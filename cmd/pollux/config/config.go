package config

import (
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
)

// maxStreams is how many streams a file may have.
const maxStreams = 10_000

// The most that settings may be, in the file as on the command line.
const (
	MaxHistory = 10_000_000
	MaxBytes   = 1 << 40
	MaxClients = 10_000_000
	MaxViews   = 10_000
	MaxMinRate = 1 << 30
)

// Choices of a Config.
var (
	compressions = []string{"on", "off"}
	logFormats   = []string{"text", "json"}
	logLevels    = []string{"debug", "info", "warn", "error"}
)

// Config is a file that has no mistake. A field that is nil, or a Secret that is
// not set, was not in the file. Units, limits and defaults are those of the flags
// of the same names.
type Config struct {
	Listen      *string `yaml:"listen"`       // HOST:PORT
	AdminListen *string `yaml:"admin_listen"` // HOST:PORT, the host a loopback address or localhost

	History           *int           `yaml:"history"`
	HistoryBytes      *int           `yaml:"history_bytes"`
	HistoryTotalBytes *int           `yaml:"history_total_bytes"`
	Buffer            *int           `yaml:"buffer"`
	MaxClients        *int           `yaml:"max_clients"`
	MaxConnections    *int           `yaml:"max_connections"`
	MaxViews          *int           `yaml:"max_views"`
	FormBytes         *int           `yaml:"form_bytes"`
	MaxDocument       *int           `yaml:"max_document"`
	Heartbeat         *time.Duration `yaml:"heartbeat"`
	WriteTimeout      *time.Duration `yaml:"write_timeout"`
	MinRate           *int           `yaml:"min_rate"` // bytes per second
	MaxAge            *time.Duration `yaml:"max_age"`
	Drain             *time.Duration `yaml:"drain"`
	AllowOrigins      []string       `yaml:"allow_origins"`
	TrustedProxies    []netip.Prefix `yaml:"trusted_proxies"`
	Compression       *string        `yaml:"compression"` // on or off
	LogFormat         *string        `yaml:"log_format"`  // text or json
	LogLevel          *string        `yaml:"log_level"`   // debug, info, warn or error
	PublishToken      Secret         `yaml:"publish_token,or=publish_token_file"`

	DenyPrivate  *bool          `yaml:"deny_private"`
	AllowPrivate []netip.Prefix `yaml:"allow_private"`

	// Canary is how often the stream _canary ticks, from 100 ms to 1 h. Nil means
	// that there is none.
	Canary *time.Duration `yaml:"canary"`

	Streams []Stream `yaml:"streams"`
}

// Options say what a file is read with.
type Options struct {
	// Getenv is os.Getenv, or what stands for it; an empty variable counts as not
	// set. Nil judges a file apart from where it runs: a variable that has no default
	// may have any value, and a file that a *_file key names need not be there. What
	// comes of such a file is fit to be judged, not to be run.
	Getenv func(string) string

	// Judge says what is wrong with a stream that has no mistake of its own, as far as
	// only those know who serve it. Its errors, joined ones one by one, get the place of
	// the stream. Nil means nothing.
	Judge func(*Stream) error

	// NeedsStreams makes it a mistake that there is nothing to serve: neither a stream
	// nor the canary.
	NeedsStreams bool
}

// Load reads and judges the file at path. The file must be a regular one.
func Load(path string, opts Options) (*Config, error) {
	content, err := readFile(path, maxText)
	if err != nil {
		return nil, &Error{File: path, Message: err.Error(), cause: err}
	}
	return Parse(path, content, opts)
}

// Parse is Load for a file that has been read. Its name is for errors, and
// relative paths in it start at the folder of that name.
func Parse(name string, text []byte, opts Options) (*Config, error) {
	return parse(name, text, opts, readFile)
}

// Listen returns the address that the file at path says to serve on, nil if it says
// none. Nothing else of the file is judged, as far as it is YAML.
func Listen(path string, getenv func(string) string) (*string, error) {
	content, err := readFile(path, maxText)
	if err != nil {
		return nil, &Error{File: path, Message: err.Error(), cause: err}
	}
	r := newReader(path, Options{Getenv: getenv}, readFile)
	root := parseYAML(content, &r.mistakes)
	if root == nil {
		return nil, r.err()
	}
	t := &table{reader: r, at: root, values: make(map[string]*node), keys: make(map[string]*node)}
	for _, p := range root.pairs {
		if p.key.text == "listen" {
			t.keys["listen"], t.values["listen"] = p.key, p.value
		}
	}
	address := t.address("listen")
	return address, r.err()
}

func newReader(name string, opts Options, read readFileFunc) *reader {
	return &reader{
		mistakes:  mistakes{file: name},
		variables: variables{getenv: opts.Getenv},
		files:     files{folder: filepath.Dir(name), read: read, known: make(map[string]content)},
		options:   opts,
		programs:  make(map[string]error),
		names:     make(map[string]int),
	}
}

func parse(name string, text []byte, opts Options, read readFileFunc) (*Config, error) {
	r := newReader(name, opts, read)
	root := parseYAML(text, &r.mistakes)
	if root == nil {
		return nil, r.err()
	}
	c := r.config(root)
	if err := r.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// The bounds that durations have in common.
const (
	minInterval = 10 * time.Millisecond
	day         = 24 * time.Hour
)

func (r *reader) config(n *node) *Config {
	t := r.table(n, configKeys, streamKeys, "to an entry of streams")
	c := &Config{
		Listen:            t.address("listen"),
		AdminListen:       t.address("admin_listen"),
		History:           t.integer("history", MaxHistory),
		HistoryBytes:      t.integer("history_bytes", MaxBytes),
		HistoryTotalBytes: t.integer("history_total_bytes", MaxBytes),
		Buffer:            t.integer("buffer", hub.MaxBuffer),
		MaxClients:        t.integer("max_clients", MaxClients),
		MaxConnections:    t.integer("max_connections", MaxClients),
		MaxViews:          t.integer("max_views", MaxViews),
		FormBytes:         t.integer("form_bytes", MaxBytes),
		MaxDocument:       t.integer("max_document", maxDocument),
		Heartbeat:         t.duration("heartbeat", minInterval, day, "15s"),
		WriteTimeout:      t.duration("write_timeout", minInterval, day, "10s"),
		MinRate:           t.integer("min_rate", MaxMinRate),
		MaxAge:            t.duration("max_age", minInterval, 7*day, "1h"),
		Drain:             t.duration("drain", 0, time.Hour, "8s"),
		AllowOrigins: t.list("allow_origins", maxOrigins, func(v value) bool {
			err := handlers.CheckOrigin(v.text)
			if err != nil {
				r.wrong(v, "%v", err)
			}
			return err == nil
		}),
		TrustedProxies: t.networks("trusted_proxies", nil),
		Compression:    t.onOff("compression"),
		LogFormat:      t.optionalChoice("log_format", logFormats),
		LogLevel:       t.optionalChoice("log_level", logLevels),
		PublishToken:   t.secret("publish_token", r.isToken),
		DenyPrivate:    t.boolean("deny_private"),
		AllowPrivate:   t.networks("allow_private", t.isNoLinkLocal),
		Canary:         t.duration("canary", 100*time.Millisecond, time.Hour, "1s"),
	}
	c.Streams = t.streams(c)
	if n := t.values["streams"]; r.options.NeedsStreams && c.Canary == nil && (!t.has("streams") || n != nil && n.kind == list && len(n.items) == 0) {
		const why = "there are no streams: want at least one entry in streams"
		if n == nil {
			r.add(0, 0, why)
		} else {
			r.add(n.line, n.column, why)
		}
	}
	t.oneAddress(c)
	denied := c.DenyPrivate != nil && *c.DenyPrivate || t.unknown("deny_private") ||
		slices.ContainsFunc(c.Streams, func(s Stream) bool { return s.DenyPrivate })
	if len(c.AllowPrivate) > 0 && !denied {
		t.refuse("makes no sense where deny_private: true is nowhere, as no private address is refused", "allow_private")
	}
	return c
}

// streams reads the list of streams. c is what they inherit from.
func (t *table) streams(c *Config) []Stream {
	n := t.values["streams"]
	switch {
	case n == nil:
		return nil
	case n.kind != list:
		t.add(n.line, n.column, "streams is %s, want a list", n.kind)
		return nil
	case len(n.items) > maxStreams:
		t.add(n.line, n.column, "streams has %d entries, want %d at most", len(n.items), maxStreams)
		return nil
	}
	streams := make([]Stream, 0, len(n.items))
	for _, item := range n.items {
		if item.kind != mapping {
			t.add(item.line, item.column, "an entry of streams is %s, want a mapping with the keys name and url, push or mock", item.kind)
			continue
		}
		streams = append(streams, t.stream(item, c))
	}
	return streams
}

// onOff is a choice that older YAML takes for true and false.
func (t *table) onOff(key string) *string {
	if n := t.values[key]; n != nil && n.kind == boolean {
		is := "off"
		if n.text == "true" {
			is = "on"
		}
		return &is
	}
	return t.optionalChoice(key, compressions)
}

func (t *table) optionalChoice(key string, options []string) *string {
	if chosen, ok := t.choice(key, options); ok {
		return &chosen
	}
	return nil
}
