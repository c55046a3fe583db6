package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// environment and secretFiles surround the files of the tests.
var environment = map[string]string{
	"HOST": "127.0.0.1", "TOKEN": "from-environment", "BROKEN": "two\nlines", "SPACED": "two words", "YES": "true", "TEN": "10",
	"YAML": "x\nlisten: :9", "BIG": strings.Repeat("b", 1<<20), "EMPTY": "",
}

var secretFiles = map[string]string{
	"/run/token": "from-file\n", "/etc/pollux/near": "near\r\n\n", "/run/empty": "\n", "/run/broken": "two\nlines\n",
	"/run/padded":    "  padded \n",
	"/run/page.html": "<b>{{.a}}</b>\n", "/run/wrong.html": "<b>\n{{nothing}}</b>\n",
}

func fakeFile(path string, limit int64) ([]byte, error) {
	content, ok := secretFiles[path]
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case int64(len(content)) > limit:
		return nil, errors.New("is larger than 65536 bytes")
	}
	return []byte(content), nil
}

func parseTest(text string) (*Config, error) {
	return parse("/etc/pollux/p.yaml", []byte(text), Options{Getenv: func(name string) string { return environment[name] }}, fakeFile)
}

// checkMistakes compares the errors for a file, without its name.
func checkMistakes(t *testing.T, text, want string) {
	t.Helper()
	c, err := parseTest(text)
	got := ""
	if err != nil {
		got = strings.ReplaceAll(err.Error(), "/etc/pollux/p.yaml:", "")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", text, diff)
	}
	if (c == nil) != (err != nil) {
		t.Errorf("%s\nconfiguration %v with error %v", text, c, err)
	}
}

// stream returns a file with one stream that has these lines, from line 4 on.
func stream(lines string) string {
	return "streams:\n- name: a\n  url: https://api.example.com/a\n  " + strings.ReplaceAll(lines, "\n", "\n  ") + "\n"
}

// TestSyntaxMistakes has files that are not YAML. Errors do not have what the parser
// quotes.
func TestSyntaxMistakes(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", " is empty, want for example listen: 127.0.0.1:3000"},
		{"# nothing\n", " is empty, want for example listen: 127.0.0.1:3000"},
		{"---\n", " is empty, want for example listen: 127.0.0.1:3000"},
		{"a: 1\n---\nb: 2\n", "3:1: a second document begins here, want one"},
		{"- a\n", "1:1: the file is a list, want a mapping such as listen: 127.0.0.1:3000"},
		{"5\n", "1:1: the file is a whole number, want a mapping such as listen: 127.0.0.1:3000"},
		{"hello\n", "1:1: the file is a string, want a mapping such as listen: 127.0.0.1:3000"},
		{"null", "1:1: the file is empty, want a mapping such as listen: 127.0.0.1:3000"},
		{"\xff", "1:1: is not UTF-8"},
		{"a: b\nc: d\xe9", "2:5: is not UTF-8"},
		{"listen: [\n", "1:9: cannot be read as YAML: sequence end token ']' not found"},
		{"listen: 'a\n", "1:9: cannot be read as YAML: could not find end character of single-quoted text"},
		{"a: b: c\n", "1:4: cannot be read as YAML: mapping value is not allowed in this context"},
		{"\tlisten: :1\n", "1:1: a tab where YAML needs spaces"},
		{"streams:\n  - name: a\n  \tpush: true\n", "3:3: a tab where YAML needs spaces"},
		{"streams:\n-\tname: a\n", "2:2: a tab where YAML needs spaces"},
		{"listen: :1\n\t\n", "2:1: a tab where YAML needs spaces"},
		{"listen: |\n  a\n\tb\n", "3:1: a tab where YAML needs spaces"},
		{"\ufefflisten: 'a\n\tb'\n", "2:1: a tab where YAML needs spaces"},
		{"body: |secret\n  x\n", "1:7: cannot be read as YAML: invalid header option"},
		{"listen: \"\\q\"\n", "1:11: cannot be read as YAML: found unknown escape character 'q'"},
		{"%YAML 9.9\n---\na: 1\n", "1:1: directives (%) are not supported"},
		{"a: \"b\"c\n", "1:7: cannot be read as YAML: value is not allowed in this context. map key-value is pre-defined"},
		{"? a\n: b\n", "1:1: complex keys (?) are not supported, want key: value"},
		{"listen: !!str a\n", "1:9: tags (!) are not supported; quote a value that is to be a string"},
		{"<<: *a\n", "1:1: merge keys (<<) are not supported; give each key its value, by an alias if need be"},
		{"*a : b\n", "1:1: cannot be read as YAML: want a key that is a string"},
		{"listen: *a\n", "1:9: the alias *a stands for nothing: no value before it has the anchor &a"},
		{"a: &a [*a]\n", "1:8: the alias *a stands for nothing: no value before it has the anchor &a"},
		{"listen: &a x\nadmin_listen: &a y\n", "2:15: the anchor &a appears twice"},
		{"[a]: b\n", "1:4: cannot be read as YAML: found an invalid key for this map"},
	} {
		checkMistakes(t, test.text, test.want)
	}
}

// TestSettingsMistakes has mistakes in the keys at the top.
func TestSettingsMistakes(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"foo: x\n", "1:1: unknown key foo, want one of " + strings.Join(top.keys, ", ")},
		{"publish_token_file: /run/empty\n", `1:21: publish_token_file is "/run/empty": the file is empty`},
		{"\"a\\nb\\e\": x\n", "1:1: unknown key a?b?, want one of " + strings.Join(top.keys, ", ")},
		{"listne: x\n", "1:1: unknown key listne, did you mean listen?"},
		{"url: x\n", "1:1: unknown key url: it belongs to an entry of streams"},
		{"listen: :1\nlisten: :2\n", "2:1: the key listen appears twice, first in line 1"},
		{"listen:\n", "1:1: listen has no value"},
		{"listen: ''\n", "1:9: listen is empty"},
		{"listen: 5\n", "1:9: listen is a whole number, want a string: put it in quotes"},
		{"listen: true\n", "1:9: listen is true or false, want a string: put it in quotes"},
		{"listen: [a]\n", `1:10: an entry of listen is "a": want HOST:PORT, for example 127.0.0.1:3000, or :3000 for all interfaces; unix:/PATH; or systemd`},
		{"listen: []\n", "1:9: listen is an empty list, want at least one entry"},
		{"listen: [':1', ':1']\n", `1:16: an entry of listen is ":1": it is in the list twice`},
		{"listen: unix:a\n", `1:9: listen is "unix:a": want the absolute path of a socket, for example unix:/run/pollux/pollux.sock`},
		{"listen: systemd:/a\n", `1:9: listen is "systemd:/a": want systemd, or systemd:NAME with the FileDescriptorName= of a socket unit`},
		{"listen: [':1', 'unix:/a']\nadmin_listen: unix:/a\n", `2:15: admin_listen is "unix:/a": want another address than that of listen`},
		{"socket_mode: '0888'\n", `1:14: socket_mode is "0888": want four octal digits, for example 0660`},
		{"socket_mode: '660'\n", `1:14: socket_mode is "660": want four octal digits, for example 0660`},
		{"tls_key_file: a/\n", `1:15: tls_key_file is "a/": want the path of a file`},
		{"listen: {a: b}\n", "1:9: listen is a mapping, want a string"},
		{"allow_private: [10.0.0.0/8]\n", "1:1: allow_private has no effect unless deny_private: true is somewhere, because no private address is refused"},
		{"listen: :99999\n", `1:9: listen is ":99999": want a port from 1 to 65535, or 0 for one that is free`},
		{"admin_listen: 127.0.0.1:http\n", `1:15: admin_listen is "127.0.0.1:http": want a port from 1 to 65535, or 0 for one that is free`},
		{"listen: :3000\nadmin_listen: 127.0.0.1:3000\n", `2:15: admin_listen is "127.0.0.1:3000": want a port other than that of listen`},
		{"listen: foo\n", `1:9: listen is "foo": want HOST:PORT, for example 127.0.0.1:3000, or :3000 for all interfaces; unix:/PATH; or systemd`},
		{"admin_listen: nothing\n", `1:15: admin_listen is "nothing": want HOST:PORT, for example 127.0.0.1:3000, or :3000 for all interfaces; unix:/PATH; or systemd`},
		{"listen: ${HOST}\n", `1:9: listen is "${HOST}": want HOST:PORT, for example 127.0.0.1:3000, or :3000 for all interfaces; unix:/PATH; or systemd`},
		{"listen: ${NOPE}:1\n", "1:9: listen needs the environment variable NOPE, which is not set; set it, or say what else with ${NOPE:-default}"},
		{"listen: ${EMPTY}:1\n", "1:9: listen needs the environment variable EMPTY, which is not set; set it, or say what else with ${EMPTY:-default}"},
		{"listen: ${HOST:1\n", "1:9: listen has ${ without }, want ${NAME}, or $${ for these two characters"},
		{"listen: ${1}:1\n", "1:9: listen has ${ and no name after it, want ${NAME} or ${NAME:-default}, where a name has letters, digits and _; $${ is for these two characters"},
		{"listen: $${HOST}\n", `1:9: listen is "$${HOST}": want HOST:PORT, for example 127.0.0.1:3000, or :3000 for all interfaces; unix:/PATH; or systemd`},
		{"history: 0\n", "1:10: history is 0: want a whole number from 1 to 10000000"},
		{"history: '5'\n", "1:10: history is a string, want a whole number"},
		{"history: 5.0\n", "1:10: history is a number, want a whole number"},
		{"history: 0x10\n", "1:10: history is 0x10: want a whole number from 1 to 10000000"},
		{"history: 010\n", "1:10: history is 010: want a whole number from 1 to 10000000"},
		{"history: 1_000\n", "1:10: history is 1_000: want a whole number from 1 to 10000000"},
		{"history: 99999999999999999999999\n", "1:10: history is 99999999999999999999999: want a whole number from 1 to 10000000"},
		{"history: ${YES}\n", `1:10: history is "${YES}": want a whole number from 1 to 10000000`},
		{"history: +5\n", "1:10: history is +5: want a whole number from 1 to 10000000"},
		{"history: .inf\n", "1:10: history is a number, want a whole number"},
		{"heartbeat: 5\n", "1:12: heartbeat is 5: a number without a unit, want for example 15s"},
		{"heartbeat: 1.5\n", "1:12: heartbeat is 1.5: a number without a unit, want for example 15s"},
		{"heartbeat: x\n", `1:12: heartbeat is "x": not a duration, want for example 15s, 300ms or 1h30m`},
		{"heartbeat: 1ms\n", `1:12: heartbeat is "1ms": want from 10ms to 24h, for example 15s`},
		{"heartbeat: ${TEN}\n", `1:12: heartbeat is "${TEN}": not a duration, want for example 15s, 300ms or 1h30m`},
		{"heartbeat: -5s", `1:12: heartbeat is "-5s": want from 10ms to 24h, for example 15s`},
		{"allow_origins: ['https://a.example/', 'null']\n", `1:17: an entry of allow_origins is "https://a.example/": want no more than https://HOST or https://HOST:PORT: an origin has no path, and no slash at its end
1:39: an entry of allow_origins is "null": want * or an origin such as https://example.com: null is what every sandboxed page is, and every file`},
		{"allow_origins: https://a.example\n", "1:16: allow_origins is a string, want a list"},
		{"allow_origins: [a, 5, 'https://a.example', 'https://a.example', []]\n", `1:17: an entry of allow_origins is "a": want an origin such as https://example.com, or *
1:20: an entry of allow_origins is a whole number, want a string: put it in quotes
1:44: an entry of allow_origins is "https://a.example": it is in the list twice
1:65: an entry of allow_origins is a list, want a string`},
		{"allow_credentials: yes\nallow_origins: [https://a.example]\n", "1:20: allow_credentials is a string, want true or false"},
		{"allow_credentials: true\nallow_origins: ['*']\n", "1:1: allow_credentials needs each origin in allow_origins by itself, not *"},
		{"allow_origins: ['https://a.example', '*']\nallow_credentials: true\n", "2:1: allow_credentials needs each origin in allow_origins by itself, not *"},
		{"hosts: a\n", "1:8: hosts is a string, want a list"},
		{"hosts: ['', 5, 'https://a', 'a:80', '*.a', a b, 'a@b', '[::1]', a, a]\n", `1:9: an entry of hosts is empty
1:13: an entry of hosts is a whole number, want a string: put it in quotes
1:16: an entry of hosts is "https://a": want a name without a port, such as live.example.com
1:29: an entry of hosts is "a:80": want a name without a port, such as live.example.com
1:37: an entry of hosts is "*.a": want a name without a port, such as live.example.com
1:44: an entry of hosts is "a b": want a name without a port, such as live.example.com
1:49: an entry of hosts is "a@b": want a name without a port, such as live.example.com
1:56: an entry of hosts is "[::1]": want a name without a port, such as live.example.com
1:68: an entry of hosts is "a": it is in the list twice`},
		{"access: Token\n", `1:9: access is "Token": want public or token`},
		{"public: 1\n", "1:9: public is a whole number, want true or false"},
		{"compression: On\n", `1:14: compression is "On": want on or off`},
		{"compression: 1\n", "1:14: compression is a whole number, want a string: put it in quotes"},
		{"log_format: xml\n", `1:13: log_format is "xml": want text or json`},
		{"log_level: loud\n", `1:12: log_level is "loud": want debug, info, warn or error`},
		{"deny_private: yes\n", "1:15: deny_private is a string, want true or false"},
		{"deny_private: ${HOST}\n", `1:15: deny_private is "${HOST}": want true or false`},
		{"deny_private: 'true'\n", "1:15: deny_private is a string, want true or false"},
		{"publish_token: 5\n", "1:16: publish_token is a whole number, want a string: put it in quotes"},
		{"publish_token: &t hunter2\nlisten: *t\n", "2:9: listen: want HOST:PORT, for example 127.0.0.1:3000, or :3000 for all interfaces; unix:/PATH; or systemd"},
		{"publish_token: a b\n", "1:16: publish_token: a token has neither spaces nor line breaks"},
		{"publish_token: a\npublish_token_file: /run/token\n", "2:1: publish_token_file and publish_token exclude each other"},
		{"publish_token_file: /run/none\n", `1:21: publish_token_file is "/run/none": file does not exist`},
		{"publish_token_file: none\n", `1:21: publish_token_file is "none": file does not exist (in /etc/pollux)`},
		{"publish_token_file: /run/broken\n", `1:21: publish_token_file is "/run/broken": in this file, a token has neither spaces nor line breaks`},
		{"publish_token_file: ${HOST}\n", `1:21: publish_token_file is "${HOST}": file does not exist`},
		{"publish_token: ${BROKEN}\n", "1:16: publish_token: a token has neither spaces nor line breaks"},
		{"deny_private: true\nallow_private: [10.0.0.1/8, x, fe80::1%eth0, '::ffff:10.0.0.1', 169.254.169.254, 10.0.0.0/8, 10.0.0.1]\n", `2:17: an entry of allow_private is "10.0.0.1/8": want the first address of the network before the /
2:29: an entry of allow_private is "x": want a network such as 10.0.0.0/8, or an address
2:32: an entry of allow_private is "fe80::1%eth0": want a network such as 10.0.0.0/8, or an address
2:46: an entry of allow_private is "::ffff:10.0.0.1": want an IPv4 address as such, for example 10.0.0.0/8
2:65: an entry of allow_private is "169.254.169.254": link-local addresses are never allowed`},
	} {
		checkMistakes(t, test.text, test.want)
	}
}

// keyed returns a file with one stream whose keys have these lines, from line 6 on.
func keyed(url, lines string) string {
	return "streams:\n- name: a\n  " + url + "\n  keys:\n    match: '[A-Z]+'\n    " + strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
}

// TestKeysMistakes has mistakes in keys, and in what depends on them.
func TestKeysMistakes(t *testing.T) {
	const (
		one   = "url: https://a.example/{key}"
		many  = "url: https://a.example/?of={keys}"
		push  = "push: true"
		split = "split: '.[] | {key, value}'"
	)
	for _, test := range []struct{ text, want string }{
		{keyed(one, "max: 5"), ""},
		{keyed(many, "batch: 2\n"+split), ""},
		{keyed(push, "max: 5"), ""},
		{keyed(one, split), ""},
		{"streams: [{name: a, push: true, keys: 5}]\n", "1:39: keys is a whole number, want a mapping with the key match"},
		{"streams: [{name: a, push: true, keys: {}}]\n", `1:39: keys has no match, want for example match: "[A-Z0-9]{2,10}"`},
		{"streams: [{name: a, push: true, keys: }]\n", "1:33: keys has no value"},
		{"streams: [{name: a, push: true, keys: {match: }}]\n", "1:40: keys.match has no value"},
		{keyed(push, "match: b"), "6:5: the key match appears twice, first in line 5"},
		{keyed(push, "mxa: 5"), "6:5: unknown key keys.mxa, did you mean keys.max?"},
		{keyed(push, "history: 5"), "6:5: unknown key keys.history: it belongs to the stream, beside keys"},
		{keyed(push, "batch: 5\n"+split+"\nparallel: 3\nabsent: 5m"), `6:5: keys.batch has no effect with push: true, because nothing is polled
7:5: keys.split has no effect with push: true, because nothing is polled
8:5: keys.parallel has no effect with push: true, because nothing is polled
9:5: keys.absent has no effect with push: true, because nothing is polled`},
		{keyed(one, "idle: 5m"), "6:5: keys.idle has no effect without push: true"},
		{keyed(one, "batch: '5'"), "6:12: keys.batch is a string, want a whole number"},
		{keyed(many, "batch: 2"), `6:5: keys.batch is above 1: want keys.split as well, which says what of the response belongs to which key, for example ".quotes[] | {key: .symbol, value: .}"`},
		{keyed(one, "split: '.['"), `6:12: keys.split is ".[": not a jq program: the program is wrong at byte 2: unexpected EOF`},
		{keyed(one, "split: ${HOST}"), `6:12: keys.split is "${HOST}": not a jq program`},
		{"streams: [{name: a, push: true, keys: {match: 'a*'}}]\n", `1:47: keys.match is "a*": not a pattern of keys: the key pattern matches the empty text`},
		{"streams: [{name: a, push: true, keys: {match: 'a('}}]\n", `1:47: keys.match is "a(": not a pattern of keys: key pattern: error parsing regexp: missing closing ): ` + "`a(`"},
		{"streams: [{name: a, push: true, keys: {match: '${YAML}('}}]\n", `1:47: keys.match is "${YAML}(": not a pattern of keys`},
		{"streams: [{name: a, mock: true, keys: {match: a}}]\n", "1:33: keys has no effect with mock: true, because the mock has one document for everybody"},
		{keyed(one, "max: 5") + "  poll: on-demand\n", "7:3: poll has no effect with keys, because a key is polled only while a client listens to it"},
		{keyed(one, "max: 5") + "  linger: 5s\n", ""},
		// Places for keys.
		{stream("every: 5s"), ""},
		{"streams:\n- name: a\n  url: https://a.example/{key}\n", "3:8: url: want no { and no }: only a stream with keys has a place for them in its URL; write %7B and %7D for the characters themselves"},
		{keyed("url: https://a.example/hunter2", "max: 5"), "3:8: stream a: want a place for {key} in the URL or in the body, for example https://api.example.com/price/{key}"},
		{keyed(many, "max: 5"), "3:8: stream a: want {key} and not {keys}: one request asks for one key"},
		{keyed(one, "batch: 2\n"+split), "3:8: stream a: want {keys} and not {key}: one request asks for several keys"},
		{keyed("url: https://{key}.example/", "max: 5"), "3:8: stream a: the host cannot be a template: {key} stands in the path, in the query or in the body"},
		{keyed("url: https://a.example/{key}/{what}", "max: 5"), "3:8: stream a: want {key} as the only { and } of the URL; write %7B and %7D for the characters themselves"},
		{keyed("url: https://a.example/#{key}", "max: 5"), "3:8: url: has a #fragment, which is never sent; # itself is %23"},
		{keyed("url: ftp://a.example/{key}", "max: 5"), "3:8: url: want an absolute http or https URL with a host, for example https://api.example.com/prices"},
		{keyed("url: https://a.example/", "max: 5") + "  method: POST\n  body: '{\"of\": {key}}'\n", ""},
		{keyed("url: https://a.example/", "max: 5") + "  method: POST\n  body: '{\"of\": {key}'\n", "3:8: stream a: the body is not JSON once a key is in the place of {key}"},
		{keyed("url: https://a.example/", "max: 5") + "  method: POST\n  body: of={key}\n  headers: {content-type: application/x-www-form-urlencoded}\n", ""},
	} {
		checkMistakes(t, test.text, test.want)
	}
}

// TestStreamsMistakes has mistakes in the entries of streams.
func TestStreamsMistakes(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"streams: [{name: a, push: true, template: '<b>{{.a}}</b>'}]\n", ""},
		{"streams: [{name: a, push: true, template_file: /run/page.html}]\n", ""},
		{"streams: [{name: a, push: true, template: '{{.a'}]\n", "1:43: template: not a template: line 1: unclosed action"},
		{"streams: [{name: a, push: true, template: '{{${HOST}}}'}]\n", "1:43: template: not a template"},
		{"streams: [{name: a, push: true, template_file: /run/wrong.html}]\n", `1:48: template_file is "/run/wrong.html": in this file, not a template: line 2: function "nothing" not defined`},
		{"streams: [{name: a, push: true, template_file: /run/none.html}]\n", `1:48: template_file is "/run/none.html": file does not exist`},
		{"streams: [{name: a, push: true, template: a, template_file: b}]\n", "1:46: template_file and template exclude each other"},
		{"streams: a\n", "1:10: streams is a string, want a list"},
		{"streams: [a]\n", "1:11: an entry of streams is a string, want a mapping with the keys name and url, push or mock"},
		{"streams: [{}]\n", "1:11: a stream without a name, want for example name: prices\n1:11: a stream without a source, want one of url, push: true and mock: true"},
		{"streams:\n- name: a\n  push: true\n- name: a\n  mock: true\n", `4:9: name is "a": the name is taken by the stream in line 2`},
		{"streams:\n- name: _canary\n  push: true\n- name: status\n  push: true\n- name: a b\n  push: true\n- name: 5\n  push: true\n", `2:9: name is "_canary": names that begin with _ are reserved for Pollux
4:9: name is "status": the name is taken by an event type, and with several streams that of a stream is one too: want another one, for example status-1
6:9: name is "a b": want 1 to 64 letters, digits, '.', '_' and '-'
8:9: name is a whole number, want a string: put it in quotes`},
		{"streams:\n- name: a\n  listen: :1\n  push: true\n", "3:3: unknown key listen: it belongs to the top of the file"},
		{"streams:\n- name: a\n  push: false\n", "2:3: a stream without a source, want one of url, push: true and mock: true"},
		{"streams:\n- name: a\n  push: true\n  url: https://a.example\n  mock: true\n  every: 5s\n", "2:3: a stream with url and push: true and mock: true, want one of them"},
		{"streams:\n- name: a\n  push: 1\n  url: x\n", "2:3: a stream with url and push: true, want one of them\n3:9: push is a whole number, want true or false\n4:8: url: want an absolute http or https URL with a host, for example https://api.example.com/prices"},
		{"streams:\n- name: a\n  push: true\n  every: 5s\n  select: .\n  headers: {}\n  key: /id\n  poll: always\n", "4:3: every has no effect with push: true, because nothing is polled\n5:3: select has no effect with push: true, because nothing is polled\n6:3: headers has no effect with push: true, because nothing is polled\n8:3: poll has no effect with push: true, because nothing is polled"},
		{"streams:\n- name: a\n  mock: true\n  every: 5s\n  method: GET\n", "5:3: method has no effect with mock: true, because no request is sent"},
		{"streams:\n- name: a\n  headers: &h {Authorization: hunter2}\n  url: https://a.example\n- name: b\n  push: true\n  key: *h\n- *h\n", "3:16: unknown key Authorization, want one of " + strings.Join(ofStream.keys, ", ") + "\n7:8: key is a mapping, want a string\n8:3: a stream without a name, want for example name: prices\n8:3: a stream without a source, want one of url, push: true and mock: true"},
		{stream("every: 1s\ntimeout: 1s"), `5:12: timeout is "1s": want more than 0s and less than every, which is 1s`},
		{stream("timeout: 5s"), `4:12: timeout is "5s": want more than 0s and less than every, which is 5s`},
		{stream("every: x\ntimeout: 1s"), `4:10: every is "x": not a duration, want for example 5s, 300ms or 1h30m`},
		{stream("every: [5s]\ntimeout: {a: b}"), "4:10: every is a list, want a duration such as 5s\n5:12: timeout is a mapping, want a duration such as 4s"},
		{stream("every: true"), "4:10: every is true or false, want a duration such as 5s"},
		{stream("allow_private: [10.0.0.0/8]"), "4:3: allow_private has no effect without deny_private: true, because no private address is refused"},
		{"deny_private: true\n" + stream("deny_private: false\nallow_private: [10.0.0.0/8]"), "6:3: allow_private has no effect without deny_private: true, because no private address is refused"},
		{stream("timeout: 0s"), `4:12: timeout is "0s": want more than 0s and less than every, which is 5s`},
		{stream("every: 25h"), `4:10: every is "25h": want from 10ms to 24h, for example 5s`},
		{stream("method: PUT"), `4:11: method is "PUT": want GET or POST`},
		{stream("body: x"), "4:3: body has no effect without method: POST"},
		{stream("method: GET\nbody_file: /run/token"), "5:3: body_file has no effect without method: POST"},
		{stream("method: POST\nbody: 5"), "5:9: body is a whole number, want a string: put it in quotes"},
		{stream("method: POST\nbody: {a: b}"), "5:9: body is a mapping, want a string"},
		{stream("body: &b x\nmethod: POST\nselect: *b"), "6:11: select: not a jq program"},
		{stream("headers: [a]"), "4:12: headers is a list, want a mapping of names"},
		{stream("headers: {A B: x}"), `4:13: a header has the name "A B": want letters, digits and '-'`},
		{stream("headers: {X: 5}"), "4:16: headers.X is a whole number, want a string: put it in quotes"},
		{stream("headers: {X: }"), "4:15: headers.X is empty, want a string"},
		{stream("headers: {Host: a, TE: x}"), "4:22: headers.TE cannot be set: HTTP or the check for changes depends on it"},
		{stream("headers: {X: a, x: b}"), "4:19: headers.x is set already; the case of letters does not count"},
		{stream("headers: {X: a, X: b}"), "4:19: the key X appears twice, first in line 4"},
		{stream("headers: {X: '${BROKEN}'}"), "4:16: headers.X: a header has no line break or other control character"},
		{stream("headers: {X: ' '}"), "4:16: headers.X: there is only white space"},
		{stream("headers: {X: ''}"), "4:16: headers.X is empty"},
		{stream("headers: {X: a}\nheader_files: {x: /run/token}"), "5:18: header_files.x is set already; the case of letters does not count"},
		{stream("header_files: {X: /run/none, Y: /run/broken}"), `4:21: header_files.X is "/run/none": file does not exist
4:35: header_files.Y is "/run/broken": in this file, a header has no line break or other control character`},
		{stream("headers:"), "4:3: headers has no value"},
		{stream("headers: {authorization: a}\nbearer_token: b"), "2:3: a stream with the header Authorization and bearer_token, want one of them"},
		{"streams:\n- name: a\n  url: https://u:p@a.example\n  bearer_token_file: /run/token\n", "2:3: a stream with a user in url and bearer_token, want one of them"},
		{stream("bearer_token: a b"), "4:17: bearer_token: a token has neither spaces nor line breaks"},
		{stream("login: a"), "4:10: login is a string, want a mapping with the key url"},
		{stream("login: {}"), "4:10: login has no url, want for example https://app.example.com/login"},
		{stream("login: {url: 'http://a', body: b}\ncookies: true"), ""},
		{stream("login: {url: 'http://a', body: b}\ncookies: false"), "5:3: cookies is false, and there is a login, whose cookies have to be kept"},
		{stream("login: {url: 'http://a', method: GET, body: b}"), "4:41: login.body has no effect with method: GET"},
		{stream("login: {url: 'ftp://u:hunter2@a', method: PUT, body: b, body_file: /run/token, headers: {TE: x}, header_files: {X: /run/none}, every: 5s}"), `4:16: login.url: want an absolute http or https URL with a host, for example https://app.example.com/login
4:45: login.method is "PUT": want GET or POST
4:59: login.body_file and login.body exclude each other
4:92: login.headers.TE cannot be set: HTTP or the check for changes depends on it
4:118: login.header_files.X is "/run/none": file does not exist
4:130: unknown key login.every: it belongs to the stream, beside login`},
		{stream("login: {url: 'http://a'}\noauth2: {token_url: 'http://a', client_id: b, client_secret: c}"), "2:3: a stream with oauth2 and login, want one of them"},
		{"streams: [{name: a, push: true, login: {}, cookies: true}]\n", "1:33: login has no effect with push: true, because nothing is polled\n1:44: cookies has no effect with push: true, because nothing is polled"},
		{stream("oauth2: a"), "4:11: oauth2 is a string, want a mapping with the key token_url"},
		{stream("oauth2: {}"), `4:11: oauth2 has no client_id, want for example pollux
4:11: oauth2 has no client_secret_file, want for example /run/secrets/client_secret
4:11: oauth2 has no token_url, want for example https://login.example.com/oauth2/token`},
		{stream("oauth2: {token_url: 'http://a', client_id: b, client_secret: c}"), ""},
		{stream("oauth2: {token_url: 'http://u:hunter2@a', client_id: 5, client_secret: c, client_secret_file: /run/token, auth_style: auto, scopes: [a b, a, a], expires: 5}"), `4:23: oauth2.token_url: want no user and no #fragment in it
4:56: oauth2.client_id is a whole number, want a string: put it in quotes
4:77: oauth2.client_secret_file and oauth2.client_secret exclude each other
4:121: oauth2.auth_style is "auto": want header or body
4:136: an entry of oauth2.scopes is "a b": want ASCII characters without space, " and \
4:144: an entry of oauth2.scopes is "a": it is in the list twice
4:148: unknown key oauth2.expires, want one of ` + strings.Join(ofOAuth2.keys, ", ")},
		{stream("oauth2: {token_url: 'http://a', client_id: b, client_secret_file: /run/empty}"), `4:69: oauth2.client_secret_file is "/run/empty": the file is empty`},
		{stream("oauth2: {token_url: 'http://a', client_id: b, client_secret: c, history: 5}"), "4:67: unknown key oauth2.history: it belongs to the stream, beside oauth2"},
		{stream("oauth2: {token_url: 'http://a', client_id: b, client_secret: c}\nbearer_token: d"), "2:3: a stream with bearer_token and oauth2, want one of them"},
		{stream("oauth2: {token_url: 'http://a', client_id: b, client_secret: c}\nheader_files: {Authorization: /run/token}"), "2:3: a stream with the header Authorization and oauth2, want one of them"},
		{"streams: [{name: a, mock: true, oauth2: {}}]\n", "1:33: oauth2 has no effect with mock: true, because no request is sent"},
		{"streams:\n- name: a\n  url: ftp://u:hunter2@a.example/?hunter2\n", "3:8: url: want an absolute http or https URL with a host, for example https://api.example.com/prices"},
		{"streams:\n- name: a\n  url: 'https://u:hunter2 @a.example/?hunter2'\n", "3:8: url: want an absolute http or https URL with a host, for example https://api.example.com/prices"},
		{"streams:\n- name: a\n  url: /hunter2\n", "3:8: url: want an absolute http or https URL with a host, for example https://api.example.com/prices"},
		{"streams:\n- name: a\n  url: https://a:hunter2\n", "3:8: url: want an absolute http or https URL with a host, for example https://api.example.com/prices"},
		{"streams:\n- name: a\n  url: https://a/b#c\n", "3:8: url: has a #fragment, which is never sent; # itself is %23"},
		{"streams:\n- name: a\n  url: https://a:0/b\n", "3:8: url: want a port from 1 to 65535, or none"},
		{"streams:\n- name: a\n  url: 5\n", "3:8: url is a whole number, want a string: put it in quotes"},
		{stream("accept_status: [503, 304, '0503', x]"), `4:24: an entry of accept_status is 304: want a status that comes with a document: from 200 to 299 without 204 to 206, or from 400 to 599
4:29: an entry of accept_status is a string, want a whole number
4:37: an entry of accept_status is a string, want a whole number`},
		{stream("server_name: https://a.example"), `4:16: server_name is "https://a.example": want the name of a host, for example api.example.com`},
		{stream("min_version: '1.1'"), `4:16: min_version is "1.1": want 1.2 or 1.3`},
		{stream("insecure_skip_verify: yes"), "4:25: insecure_skip_verify is a string, want true or false"},
		{stream("ca_file: certificates/"), `4:12: ca_file is "certificates/": want the path of a file`},
		{stream("format: xml"), `4:11: format is "xml": want json, text, csv or ndjson`},
		{stream("charset: latin-9000"), `4:12: charset is "latin-9000": want a name of the WHATWG Encoding Standard, for example iso-8859-1`},
		{stream("strip_prefix: " + strings.Repeat("a", 101)), `4:17: strip_prefix is "` + strings.Repeat("a", 60) + `...": want 1 to 100 bytes`},
		{stream("user_agent: a (b)"), `4:15: user_agent is "a (b)": want 1 to 200 ASCII characters, none of them ( ) or \, for example an address for mail`},
		{stream("success: .a ="), "4:12: success is \".a =\": not a jq program: the program is wrong at byte 4: unexpected EOF"},
		{stream("max_document: 0"), "4:17: max_document is 0: want a whole number from 1 to 67108864"},
		{stream("conditional: 0"), "4:16: conditional is a whole number, want true or false"},
		{stream("conditional: false\nrevalidate: 2h"), "5:3: revalidate has no effect with conditional: false, because every request is unconditional"},
		{stream("method: POST\nconditional: false"), "5:3: conditional has no effect with method: POST, because only a GET is conditional"},
		{stream("method: POST\nrevalidate: 2h"), "5:3: revalidate has no effect with method: POST, because only a GET is conditional"},
		{"streams: [{name: a, push: true, conditional: true, history: 5}]\n", "1:33: conditional has no effect with push: true, because nothing is polled"},
		{"streams: [{name: a, mock: true, revalidate: 1h}]\n", "1:33: revalidate has no effect with mock: true, because no request is sent"},
		{stream("ttl: a"), `4:8: ttl is "a": want a JSON Pointer, for example /ttl; a ~ in a name is ~0, a / is ~1`},
		{stream("ttl: ''"), `4:8: ttl is empty`},
		{stream("source: sse\nttl: /a"), "5:3: ttl has no effect with source: sse, because the upstream sends what is new"},
		{"streams: [{name: a, url: 'https://a.example/{key}', keys: {match: a}, ttl: /a}]\n", "1:71: ttl has no effect with keys, because one interval holds for all of them"},
		{stream("source: ws"), `4:11: source is "ws": want poll or sse`},
		{stream("events: [a]"), "4:3: events has no effect without source: sse"},
		{stream("source: sse\nevents: [a, status, a]"), `5:15: an entry of events is "status": want another name: the events status, reset, snapshot, patch, merge, hb are those of a Pollux, and are not documents
5:23: an entry of events is "a": it is in the list twice`},
		{stream("source: sse\nconditional: false\nrevalidate: 2h\naccept_status: [503]\ncharset: latin1\nkeys: {match: a}"), `5:3: conditional has no effect with source: sse, because the upstream sends what is new
6:3: revalidate has no effect with source: sse, because the upstream sends what is new
7:3: accept_status has no effect with source: sse, because an event stream comes with status 200
8:3: charset has no effect with source: sse, because an event stream is UTF-8
9:3: keys has no effect with source: sse, because one event stream serves all clients`},
		{stream("source: sse\nmethod: POST\nbody: a\nselect: .a\nformat: text\nstrip_prefix: x\npoll: on-demand"), ""},
		{"streams: [{name: a, push: true, source: sse, events: [a]}]\n", `1:33: source has no effect with push: true, because nothing is polled
1:46: events has no effect with push: true, because nothing is polled`},
		{stream("respect: max-age"), "4:12: respect is a string, want a list"},
		{stream("respect: [age, ratelimit, ratelimit]"), `4:13: an entry of respect is "age": want max-age, x-poll-interval, ratelimit or x-ratelimit-reset
4:29: an entry of respect is "ratelimit": it is in the list twice`},
		{stream("select: '.['"), `4:11: select is ".[": not a jq program: the program is wrong at byte 2: unexpected EOF`},
		{stream("select: foo"), `4:11: select is "foo": not a jq program: the program is wrong: function not defined: foo/0`},
		{stream("select: ${HOST}"), `4:11: select is "${HOST}": not a jq program`},
		{stream("select: '$x'"), `4:11: select is "$x": not a jq program: the program is wrong: variable not defined: $x`},
		{stream("ignore: ['', a, /a~2, /a~]"), `4:12: an entry of ignore is empty
4:16: an entry of ignore is "a": want a JSON Pointer, for example /meta/generatedAt; a ~ in a name is ~0, a / is ~1
4:19: an entry of ignore is "/a~2": want a JSON Pointer, for example /meta/generatedAt; a ~ in a name is ~0, a / is ~1
4:25: an entry of ignore is "/a~": want a JSON Pointer, for example /meta/generatedAt; a ~ in a name is ~0, a / is ~1`},
		{stream("key: id"), `4:8: key is "id": want a JSON Pointer, for example /id; a ~ in a name is ~0, a / is ~1`},
		{stream("poll: never\nlinger: 5s"), `4:9: poll is "never": want always or on-demand`},
		{stream("linger: 5s"), "4:3: linger has no effect without poll: on-demand"},
		{stream("poll: on-demand\nlinger: 1ms"), `5:11: linger is "1ms": want from 1s to 24h, for example 1m`},
		{stream("at_most: 4/s"), "4:3: at_most has no effect without push: true"},
		{"streams: [{name: a, mock: true, at_most: 4/s}]\n", "1:33: at_most has no effect without push: true"},
		{"streams: [{name: a, push: true, at_most: 4}]\n", "1:42: at_most is a whole number, want a string: put it in quotes"},
		{"streams: [{name: a, push: true, at_most: 4/h}]\n", `1:42: at_most is "4/h": want a number from 1 to 1000 and a unit, for example 4/s or 30/m`},
		{stream("replay: newest"), `4:11: replay is "newest": want auto, all or latest`},
		{stream("replay: all\nreplay_events: 5"), "5:3: replay_events has no effect without replay: auto"},
		{stream("replay: latest\nreplay_bytes: 5"), "5:3: replay_bytes has no effect without replay: auto"},
		{stream("replay_events: 5\nreplay_bytes: 5"), ""},
		{"streams: [{name: a, push: true, replay_events: 5}]\n", "1:33: replay_events has no effect without replay: auto"},
		{"streams: [{name: a, push: true, replay: auto, replay_events: 5}]\n", ""},
		{stream("redirect_hosts: [https://a, 'a b', 'a:0', 'a:99999', -a, a..b, '[::1]:8080', '::1', a_b:80, A.example, '']"), `4:20: an entry of redirect_hosts is "https://a": want HOST or HOST:PORT, for example cdn.example.com
4:31: an entry of redirect_hosts is "a b": want HOST or HOST:PORT, for example cdn.example.com
4:38: an entry of redirect_hosts is "a:0": want HOST or HOST:PORT, for example cdn.example.com
4:45: an entry of redirect_hosts is "a:99999": want HOST or HOST:PORT, for example cdn.example.com
4:56: an entry of redirect_hosts is "-a": want HOST or HOST:PORT, for example cdn.example.com
4:60: an entry of redirect_hosts is "a..b": want HOST or HOST:PORT, for example cdn.example.com
4:80: an entry of redirect_hosts is "::1": want an IPv6 address in brackets, such as [::1] or [::1]:8080
4:106: an entry of redirect_hosts is empty`},
		{stream("proxy: socks5://a:1"), "4:10: proxy: want an absolute http or https URL with a host, for example http://proxy.example.com:3128"},
		{"proxy: ftp://u:hunter2@a\n", "1:8: proxy: want an absolute http or https URL with a host, for example http://proxy.example.com:3128"},
		{stream("proxy: none"), ""},
		{stream("deny_private: 1\nallow_private: 10.0.0.0/8"), "4:17: deny_private is a whole number, want true or false\n5:18: allow_private is a string, want a list"},
		{stream("poll_token: a\npoll_token_file: /run/token\npoll_secret: ''"), "5:3: poll_token_file and poll_token exclude each other\n6:16: poll_secret is empty"},
	} {
		checkMistakes(t, test.text, test.want)
	}
}
