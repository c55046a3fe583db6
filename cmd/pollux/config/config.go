package config

import (
	"fmt"
	"path/filepath"
	"slices"
)

// Options are for Load and Parse.
type Options struct {
	// Getenv is os.Getenv or a replacement. An empty variable counts as not set. Nil
	// means that the file is checked without its environment: a variable without a
	// default may have any value, and a file that a *_file key names may be missing.
	// The Config must not be run then.
	Getenv func(string) string

	// Judge checks a stream in which Parse has found no mistake. Each error that it
	// joins is reported at the place of the stream. Nil accepts every stream.
	Judge func(*Stream) error

	// Proxy is the proxy of each stream that has none of its own, in place of the one at the
	// top of the file. If it is not set, that one counts.
	Proxy Secret

	// NeedsStreams makes a file without a stream and without the canary a mistake.
	NeedsStreams bool
}

// Load reads and checks the file at path, which must be a regular file.
func Load(path string, opts Options) (*Config, error) {
	content, err := readFile(path, maxText)
	if err != nil {
		return nil, &Error{File: path, Message: err.Error(), cause: err}
	}
	return Parse(path, content, opts)
}

// Parse checks the text of a file. Errors begin with its name, and relative paths start
// at the folder of that name.
func Parse(name string, text []byte, opts Options) (*Config, error) {
	return parse(name, text, opts, readFile)
}

// probed are the settings that say how pollux is reached.
var probed = []string{"listen", "admin_listen", "admin_token", "proxy_protocol", "trusted_proxies", "tls_cert_file", "acme_domains"}

// Probe returns the settings that say how pollux is reached: of the environment, else of
// the file at path, if there is one, else the defaults. The rest of the file must be YAML
// and is not checked.
func Probe(path string, env *Environment) (*Config, error) {
	c, file := new(Config), new(Config)
	for _, key := range probed {
		s := top.by[key]
		if text := env.Get(s.Variable); text != "" {
			if err := s.Decode(s.of(c), text); err != nil {
				return nil, fmt.Errorf("%s %w", s.Variable, err)
			}
		}
	}
	if path != "" {
		var err error
		if file, err = probeFile(path, env); err != nil {
			return nil, err
		}
	}
	merged := c.Or(file)
	merged = merged.Or(Defaults())
	return &merged, nil
}

func probeFile(path string, env *Environment) (*Config, error) {
	content, err := readFile(path, maxText)
	if err != nil {
		return nil, &Error{File: path, Message: err.Error(), cause: err}
	}
	r := newReader(path, Options{Getenv: env.Get}, readFile)
	root := parseYAML(content, &r.mistakes)
	if root == nil {
		return nil, r.err()
	}
	t := r.newTable(root, &top)
	for _, p := range root.pairs {
		if s := top.by[p.key.text]; s != nil && slices.Contains(probed, s.Key) {
			t.keys[p.key.text], t.values[p.key.text] = p.key, p.value
		}
	}
	c := new(Config)
	t.fill(c, func(s *Setting) bool { return slices.Contains(probed, s.Key) })
	return c, r.err()
}

func newReader(name string, opts Options, read readFileFunc) *reader {
	return &reader{
		mistakes:  mistakes{file: name},
		variables: variables{getenv: opts.Getenv},
		files:     files{folder: filepath.Dir(name), read: read, known: make(map[limited]content)},
		options:   opts,
		compiled:  make(map[compiled]error),
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

func (r *reader) config(n *node) *Config {
	t := r.table(n, &top, place{&ofStream, "to an entry of streams"})
	c := new(Config)
	t.fill(c, func(*Setting) bool { return true })
	c.Tokens = t.tokenMapping()
	r.hasTokens = t.has("tokens")
	if c.Access != nil {
		t.guarded(*c.Access, "")
	}
	c.Shared = t.shared()
	c.Streams = t.streams(c)
	if n := t.values["streams"]; r.options.NeedsStreams && c.Canary == nil && len(c.Follow) == 0 && (!t.has("streams") || n != nil && n.kind == list && len(n.items) == 0) {
		const why = "there are no streams: want at least one entry in streams"
		if n == nil {
			r.add(0, 0, why)
		} else {
			r.add(n.line, n.column, why)
		}
	}
	t.twoAddresses(c)
	if c.sendCredentials() && slices.Contains(c.AllowOrigins, "*") {
		t.refuse(credentialsForAll, "allow_credentials")
	}
	denied := c.DenyPrivate != nil && *c.DenyPrivate || t.unknown("deny_private") ||
		slices.ContainsFunc(c.Streams, func(s Stream) bool { return s.DenyPrivate })
	if len(c.AllowPrivate) > 0 && !denied {
		t.refuse("has no effect unless deny_private: true is somewhere, because no private address is refused", "allow_private")
	}
	return c
}

// credentialsForAll says what is wrong with allow_credentials beside an asterisk.
const credentialsForAll = "needs each origin in allow_origins by itself, not *"

// sendCredentials reports whether pages of other origins may send credentials.
func (c *Config) sendCredentials() bool { return c.AllowCredentials != nil && *c.AllowCredentials }

// streams reads the list of streams, which inherit from c.
func (t *table) streams(c *Config) []Stream {
	n := t.values["streams"]
	switch {
	case n == nil:
		return nil
	case n.kind != list:
		t.add(n.line, n.column, "streams is %s, want a list", n.kind)
		return nil
	case !t.fits("streams", n, len(n.items)):
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
