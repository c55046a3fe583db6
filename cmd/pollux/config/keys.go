package config

import (
	"strings"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// Keys is the mapping keys of a [Stream], with its defaults. Tags are those of [Config].
type Keys struct {
	Match string `yaml:"match" is:"key-pattern" example:"[A-Z0-9]{2,10}" help:"Regular expression (RE2) that a whole key matches: at most 256 bytes. A key has 1 to 128 printable ASCII characters, without space, '\"', '\\', ',' and '/'. Required."`
	Max   int    `yaml:"max" range:"1 1000000" default:"${max_keys}" help:"Largest number of keys at once. One more key replaces the key that nobody has listened to for the longest time. If somebody listens to each key, it is refused."`

	Batch    int           `yaml:"batch" of:"request" range:"1 ${max_batch}" default:"1" help:"Largest number of keys in one request. Above 1, the URL or the body has {keys} in place of {key}, and split is required."`
	Split    string        `yaml:"split" of:"request" is:"split" unset:"the whole response is the document of the key" example:".quotes[] | {key: .symbol, value: .}" help:"A jq program that divides a response: each of its results is an object with a key and the value that is the document of that key."`
	Parallel int           `yaml:"parallel" of:"request" range:"1 ${max_parallel}" default:"${parallel}" help:"Largest number of requests that are under way at once."`
	Absent   time.Duration `yaml:"absent" of:"request" range:"1s 24h" default:"${absent}" help:"How long the upstream is not asked again for a key for which it answered 404 or 410."`

	Idle      time.Duration `yaml:"idle" of:"push" range:"1s 720h" default:"24h" help:"How long a key stays after its newest document and its last client. For a stream that is polled, see linger."` // else 0
	IdleBytes int           `yaml:"idle_bytes" range:"1024 1099511627776" unit:"bytes" default:"${idle_bytes}" help:"Largest total size of the keys that nobody listens to. Beyond it, the key that nobody has listened to for the longest time ends first."`
}

// keyMapping reads keys, which makes a stream one with keys. It returns nil without
// them, or if they are not a mapping.
func (t *table) keyMapping(s *Stream) *Keys {
	keys := t.section("keys", &ofKeys)
	if keys == nil {
		return nil
	}
	n := keys.at
	k := new(Keys)
	keys.refuseOf(s, "has no effect with push: true, because nothing is polled")
	keys.fill(k, func(d *Setting) bool { return s.has(d.Of) })
	if !keys.has("keys.match") {
		t.add(n.line, n.column, `keys has no match, want for example match: "%s"`, ofKeys.by["keys.match"].Example)
	}
	if !s.has("request") {
		return k
	}
	if keys.unknown("keys.batch") && strings.Contains(s.URL.Reveal()+s.Body.Reveal(), "{keys}") {
		k.Batch = poller.MaxBatch
	}
	switch {
	case keys.unknown("keys.split"):
		k.Split = "."
	case k.Batch > 1 && !keys.has("keys.split"):
		at := keys.keys["keys.batch"]
		if at == nil {
			at = n
		}
		t.add(at.line, at.column, "keys.batch is above 1: want keys.split as well, which says what of the response belongs to which key, for example %q", ofKeys.by["keys.split"].Example)
	}
	return k
}

// places checks the URL and the body, which have places for keys if the stream has keys.
func (t *table) places(s *Stream) {
	if !s.has("request") {
		return
	}
	at := t.values["url"]
	if t.unknown("url") {
		s.URL = NewSecret(exampleURL(s.Keys))
	}
	switch {
	case at == nil || !s.URL.IsSet():
	case !t.has("keys"):
		if err := httpjson.CheckURL(s.URL.Reveal(), httpjson.ExampleURL); err != nil {
			t.wrongSecret(value{node: at, key: "url"}, "%v", err)
		}
	case s.Keys != nil && !t.unknown("body") && !t.unknown("headers"):
		err := httpjson.CheckTemplate(s.URL.Reveal(), s.Body.Reveal(), s.Headers["Content-Type"].Reveal(), s.Keys.Batch > 1)
		t.addEach(at, s.Name, err)
	}
}

// exampleURL returns a valid URL for a stream with these keys, or without keys.
func exampleURL(k *Keys) string {
	switch {
	case k == nil:
		return httpjson.ExampleURL
	case k.Batch > 1:
		return httpjson.ExampleURL + "/{keys}"
	default:
		return httpjson.ExampleURL + "/{key}"
	}
}
