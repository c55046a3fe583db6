package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsedStreams returns the streams of a file.
func parsedStreams(t *testing.T, text string) []Stream {
	t.Helper()
	c, err := parseTest(text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return c.Streams
}

// A file with defaults says the same as the file that repeats them in each stream: a stream
// has its own settings, and takes of defaults what it does not set and what has an effect
// for it.
func TestDefaultsSaveRepeating(t *testing.T) {
	for _, test := range []struct{ defaults, stream, want string }{
		{"every: 1m", "", "every: 1m"},
		{"every: 1m", "every: 2m", "every: 2m"},
		{"every: 1m\ntimeout: 9s\nselect: .a\nkey: /id\nmethod: POST", "body: b", "every: 1m\ntimeout: 9s\nselect: .a\nkey: /id\nmethod: POST\nbody: b"},

		// A list replaces the one of defaults.
		{"ignore: [/a, /b]\nrespect: [max-age]\naccept_status: [503]\nredirect_hosts: [a.example]", "ignore: [/c]\nrespect: []",
			"ignore: [/c]\nrespect: []\naccept_status: [503]\nredirect_hosts: [a.example]"},

		// Headers are merged by their names, whatever their case and wherever the values come from.
		{"headers: {X-One: 1a, X-Two: 2b}\nheader_files: {X-Three: /run/padded}", "headers: {x-two: own}\nheader_files: {X-FOUR: /run/token}",
			"headers: {X-One: 1a, X-Two: own}\nheader_files: {X-Three: /run/padded, X-Four: /run/token}"},
		{"header_files: {X-One: /run/padded}", "headers: {X-One: own}", "headers: {X-One: own}"},
		{"headers: {X-One: 1a}", "header_files: {X-One: /run/padded}", "header_files: {X-One: /run/padded}"},

		// A value and a file with the value are one setting.
		{"poll_token_file: /run/token\nbearer_token: b", "poll_token: own\nbearer_token_file: /run/token", "poll_token: own\nbearer_token_file: /run/token"},

		// null takes a default back.
		{"every: 1m\ncharset: latin1\npoll_token_file: /run/token\nignore: [/a]", "charset: null\npoll_token: null\nignore:", "every: 1m"},
		{"headers: {X-One: 1a, X-Two: 2b}\nheader_files: {X-Three: /run/padded}", "headers: {x-one: null}\nheader_files: null", "headers: {X-Two: 2b}"},

		// A stream that says itself who it is takes no credentials of defaults.
		{"bearer_token: secret", "headers: {authorization: Basic eA==}", "headers: {Authorization: Basic eA==}"},
		{"headers: {authorization: Basic eA==, X-One: 1a}", "bearer_token: own", "headers: {X-One: 1a}\nbearer_token: own"},
		{"bearer_token: secret", "bearer_token_file: null\nheaders: {X-One: 1a}", "headers: {X-One: 1a}"},

		{"oauth2: {token_url: 'https://a.example/t', client_id: a, client_secret: b}", "bearer_token: own", "bearer_token: own"},
		{"oauth2: {token_url: 'https://a.example/t', client_id: a, client_secret: b}", "headers: {Authorization: Basic eA==}", "headers: {Authorization: Basic eA==}"},
		{"bearer_token: secret", "oauth2: {token_url: 'https://a.example/t', client_id: a, client_secret: b}", "oauth2: {token_url: 'https://a.example/t', client_id: a, client_secret: b}"},
		{"login: {url: 'https://a.example/l', body: b}", "oauth2: {token_url: 'https://a.example/t', client_id: a, client_secret: b}", "oauth2: {token_url: 'https://a.example/t', client_id: a, client_secret: b}"},
		{"oauth2: {token_url: 'https://a.example/t', client_id: a, client_secret: b}", "login: {url: 'https://a.example/l', body: b}", "login: {url: 'https://a.example/l', body: b}"},
		{"login: {url: 'https://a.example/l', body: b}", "", "login: {url: 'https://a.example/l', body: b}"},
		{"login: {url: 'https://a.example/l', body: b}", "login: null", ""},

		// A default that would have no effect in a stream is not taken.
		{"linger: 5m\nevery: 1m", "", "every: 1m"},
		{"linger: 5m", "poll: on-demand", "poll: on-demand\nlinger: 5m"},
		{"poll: on-demand", "linger: 5m", "poll: on-demand\nlinger: 5m"},
		{"poll: on-demand\nlinger: 5m", "poll: always", ""},
		{"conditional: false", "method: POST", "method: POST"},
		{"revalidate: 2h", "conditional: false", "conditional: false"},
		{"method: POST\nbody: b", "method: GET", ""},
		{"replay_events: 5", "replay: all", "replay: all"},
		{"replay: latest", "", "replay: latest"},
	} {
		with := parsedStreams(t, "defaults:\n  "+strings.ReplaceAll(test.defaults, "\n", "\n  ")+"\n"+stream(test.stream))
		want := parsedStreams(t, stream(test.want))
		if diff := cmp.Diff(want, with, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(Secret.Equal)); diff != "" {
			t.Errorf("defaults:\n%s\nstream:\n%s\n%s", test.defaults, test.stream, diff)
		}
		if with[0].Fingerprint() != want[0].Fingerprint() || with[0].Revision() != want[0].Revision() {
			t.Errorf("defaults:\n%s\nstream:\n%s\nit is another stream than the one that repeats them", test.defaults, test.stream)
		}
	}
}

// Streams of all kinds share defaults: each takes what there is for its kind.
func TestDefaultsOfAllKinds(t *testing.T) {
	streams := parsedStreams(t, `
defaults: {every: 1m, timeout: 9s, bearer_token_file: /run/token, headers: {X-One: 1a}, poll: on-demand, linger: 5m, at_most: 4/s, key: /id}
streams:
- {name: polled, url: "https://a.example"}
- {name: user, url: "https://u:p@a.example"}
- {name: keyed, url: "https://a.example/{key}", keys: {match: a}}
- {name: mocked, mock: true}
- {name: pushed, push: true}
- {name: other, push: true, at_most: null}
`)
	want := parsedStreams(t, `
streams:
- {name: polled, url: "https://a.example", every: 1m, timeout: 9s, bearer_token_file: /run/token, headers: {X-One: 1a}, poll: on-demand, linger: 5m, key: /id}
- {name: user, url: "https://u:p@a.example", every: 1m, timeout: 9s, headers: {X-One: 1a}, poll: on-demand, linger: 5m, key: /id}
- {name: keyed, url: "https://a.example/{key}", every: 1m, timeout: 9s, bearer_token_file: /run/token, headers: {X-One: 1a}, linger: 5m, key: /id, keys: {match: a}}
- {name: mocked, mock: true, every: 1m, timeout: 9s, poll: on-demand, linger: 5m, key: /id}
- {name: pushed, push: true, at_most: 4/s, key: /id}
- {name: other, push: true, key: /id}
`)
	for i := range want {
		if diff := cmp.Diff(want[i], streams[i], cmp.Comparer(Secret.Equal)); diff != "" || want[i].Fingerprint() != streams[i].Fingerprint() {
			t.Errorf("%s:\n%s", want[i].Name, diff)
		}
	}
}

// A mistake in defaults is told once, where it is, however many streams take it.
func TestDefaultsMistakes(t *testing.T) {
	const two = "\nstreams: [{name: a, url: 'https://a.example'}, {name: b, url: 'https://b.example', every: 2s}]\n"
	for _, test := range []struct{ text, want string }{
		{"defaults:" + two, "1:1: defaults has no value"},
		{"defaults: 5" + two, "1:11: defaults is a whole number, want a mapping with keys of streams"},
		{"defaults: {evry: 1m}" + two, "1:12: unknown key defaults.evry, did you mean every?"},
		{"defaults: {every: 1m, every: 2m}" + two, "1:23: the key every appears twice, first in line 1"},
		{"defaults: {every: null}" + two, "1:12: defaults.every has no value"},
		{"defaults:\n  every: 1" + two, "2:10: every is 1: a number without a unit, want for example 5s"},
		{"defaults: {every: 1ns}\n", `1:19: every is "1ns": want from 10ms to 24h, for example 5s`},
		{"defaults: {name: a}" + two, "1:12: unknown key defaults.name: it belongs to an entry of streams"},
		{"defaults: {url: 'https://a.example'}" + two, "1:12: unknown key defaults.url: it belongs to an entry of streams"},
		{"defaults: {push: true, mock: true}" + two, "1:12: unknown key defaults.push: it belongs to an entry of streams\n1:24: unknown key defaults.mock: it belongs to an entry of streams"},
		{"defaults: {keys: {match: a}}" + two, "1:12: unknown key defaults.keys: it belongs to an entry of streams"},
		{"defaults: {history: 5}" + two, "1:12: unknown key defaults.history: it belongs to the top of the file"},
		{"defaults: {deny_private: true}" + two, "1:12: unknown key defaults.deny_private: it belongs to the top of the file"},
		{"defaults: {listen: ':1'}" + two, "1:12: unknown key defaults.listen: it belongs to the top of the file"},
		{"defaults: {defaults: {}}" + two, "1:12: unknown key defaults.defaults: it belongs to the top of the file"},
		{"defaults: {poll_token: a, poll_token_file: /run/token}" + two, "1:27: poll_token_file and poll_token exclude each other"},
		{"defaults: {headers: {X: a, x: b}}" + two, "1:28: headers.x is set already; the case of letters does not count"},
		{"defaults: {headers: {Host: a b, TE: x}}" + two, "1:33: headers.TE cannot be set: HTTP or the check for changes depends on it"},
		{"defaults: {headers: 5}" + two, "1:21: headers is a whole number, want a mapping of names"},
		{"defaults: {headers: {X: null}}" + two, "1:25: headers.X is empty, want a string"},
		{"defaults: {bearer_token: a, headers: {Authorization: b}}" + two, "1:11: defaults with the header Authorization and bearer_token, want one of them"},
		{"defaults: {oauth2: {client_id: a}}" + two, "1:20: oauth2 has no client_secret_file, want for example /run/secrets/client_secret\n1:20: oauth2 has no token_url, want for example https://login.example.com/oauth2/token"},
		{"defaults: {bearer_token_file: /run/none}" + two, `1:31: bearer_token_file is "/run/none": file does not exist`},
		{"defaults: {select: '.['}" + two, `1:20: select is ".[": not a jq program: the program is wrong at byte 2: unexpected EOF`},

		// A time that does not fit into the interval of one stream alone.
		{"defaults: {timeout: 10s, every: 1m}" + two, "2:48: timeout is 10s in defaults: want more than 0s and less than every, which is 2s here"},
		{"defaults: {timeout: 10s, every: 9s}\nstreams: [{name: a, mock: true}, {name: b, mock: true}]\n", `1:21: timeout is "10s": want more than 0s and less than every, which is 9s`},

		// What a stream itself says has to have an effect.
		{"defaults: {poll: on-demand}\nstreams: [{name: a, mock: true, poll: always, linger: 5s}]\n", "2:47: linger has no effect without poll: on-demand"},
		{"defaults: {replay: latest}\nstreams: [{name: a, mock: true, replay_events: 5}]\n", "2:33: replay_events has no effect without replay: auto"},
		{"defaults: {key: /a}\nstreams: [{name: null, mock: true, every: null}]\n", "2:12: name has no value\n2:36: every has no value"},
		{"defaults: {headers: {X: a}}\nstreams: [{name: a, url: 'https://a.example', headers: {Y: null}}]\n", "2:60: headers.Y is empty, want a string"},
	} {
		checkMistakes(t, test.text, test.want)
	}
}

// Each key may stand in defaults or is refused with a word on where it belongs, and a value
// that is never valid is found also in a file without streams.
func TestEveryKeyInDefaults(t *testing.T) {
	for _, key := range ofStream.keys {
		_, err := parseTest("defaults: {" + key + ": {x: [y]}}")
		want := key
		if ofDefaults.by[key] == nil {
			want = "unknown key defaults." + key + ": it belongs to "
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// As many streams as there can be fit into a file that does not repeat itself, and each has
// what defaults says.
func TestTenThousandStreams(t *testing.T) {
	most := int(top.by["streams"].Most)
	text := `
defaults:
  every: 1m
  timeout: 10s
  bearer_token_file: /run/token
  headers: {Accept: application/json, X-Client: pollux}
  respect: [max-age, ratelimit]
  select: "[.items[] | {id, state, price}]"
  ignore: [/meta/generatedAt]
  key: /id
  poll: on-demand
  linger: 5m
streams:
` + repeat(most, "  - name: station-%[1]d\n    url: https://api.example.com/v1/regions/europe/stations/%[1]d/measurements?unit=metric", "\n") + "\n"
	c, err := parseTest(text)
	if err != nil || len(c.Streams) != most {
		t.Fatalf("%.300v: want %d streams", err, most)
	}
	for i, s := range c.Streams {
		if s.Name != fmt.Sprintf("station-%d", i) || s.Header().Get("Authorization") != "Bearer from-file" || s.Header().Get("X-Client") != "pollux" ||
			s.Linger.Minutes() != 5 || s.Key != "/id" || len(s.Respect) != 2 {
			t.Fatalf("stream %d is %+v", i, s)
		}
	}
	_, err = parseTest(text + "  - {name: another, mock: true}\n")
	if want := fmt.Sprintf("streams has %d entries, want %d at most", most+1, most); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%.300v, want %s", err, want)
	}
}
