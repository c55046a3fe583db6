package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestApart checks files without their variables and secrets: each may have any value
// that makes the file valid, and other mistakes are reported.
func TestApart(t *testing.T) {
	apart := func(text string) (*Config, error) {
		return parse("/etc/pollux/p.yaml", []byte(text), Options{}, fakeFile)
	}
	for _, text := range []string{
		"listen: ${A}\nadmin_listen: 127.0.0.1:${A}\nhistory: ${A}\ndrain: ${A}\ncompression: ${A}\nlog_level: ${A}\npublish_token: ${A}\ncanary: ${A}\n",
		"publish_token_file: /run/none\nallow_origins: ['${A}', 'https://a.example', '${B}']\ntrusted_proxies: ['${A}']\n",
		"deny_private: ${A}\nallow_private: [10.0.0.0/8]\n",
		"streams: [{name: '${A}', push: true}, {name: '${A}', mock: true}, {name: a, push: '${A}'}, {name: b, mock: '${A}'}]",
		"streams:\n- name: a\n  url: ${A}\n  timeout: 20s\n  every: ${A}\n",
		stream("method: ${A}\nbody: b"),
		stream("method: ${A}\nbody_file: /run/none\nheaders: {X: '${A}'}\nheader_files: {Y: /run/none}\nbearer_token: ${A}"),
		stream("deny_private: ${A}\nallow_private: [10.0.0.0/8]"),
		stream("poll: ${A}\nlinger: 5s\nselect: ${A}\nignore: ['${A}']\nkey: ${A}\nproxy: ${A}\nrespect: ['${A}']\naccept_status: ['${A}']\nsuccess: ${A}\npoll_secret_file: /run/none"),
		"streams: [{name: a, url: '${A}', keys: {match: '${A}', max: '${A}', batch: '${A}', split: '${A}', parallel: '${A}', absent: '${A}'}}]",
		"streams: [{name: a, url: 'https://a.example/{keys}', keys: {match: a, batch: '${A}', split: '${A}'}}]",
		"streams: [{name: a, url: 'https://a.example/{key}', keys: {match: a, batch: '${A}'}}]",
		"streams: [{name: a, url: '${A}', keys: {match: a, batch: 5, split: '${A}'}}]",
		"streams: [{name: a, url: 'https://a.example', method: POST, body: '${A}', keys: {match: a}}]",
		"streams: [{name: a, push: true, at_most: '${A}', keys: {match: '${A}', idle: '${A}'}}]",
		stream("oauth2: {token_url: '${A}', client_id: '${A}', client_secret: '${A}', auth_style: '${A}', scopes: ['${A}'], audience: '${A}'}"),
		stream("oauth2: {token_url: 'https://a', client_id: b, client_secret_file: /run/none}\ncookies: ${A}"),
		stream("login: {url: '${A}', method: '${A}', body: '${A}', headers: {X: '${A}'}, header_files: {Y: /run/none}}\ncookies: ${A}"),
		stream("login: {url: 'https://a', body_file: /run/none}"),
		"proxy: ${A}\ntokens: {jwks: '${A}', jwks_ca_file: /run/none, issuer: a, audience: b}\nstreams: [{name: a, push: true}]",
		stream("replay: ${A}\nreplay_events: ${A}\nreplay_bytes: 5"),
		stream("conditional: ${A}\nrevalidate: ${A}\nhistory: ${A}\nredirect_hosts: ['${A}']\nmax_document: ${A}\nuser_agent: ${A}\nformat: ${A}\ncharset: ${A}\nstrip_prefix: ${A}\nca_file: /run/none\ncert_file: ${A}\nkey_file: none\nserver_name: ${A}\nmin_version: ${A}\ninsecure_skip_verify: ${A}"),
	} {
		if _, err := apart(text); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
	for text, want := range map[string]string{
		"listen: ${A:-x}\n":                `listen is "${A:-x}": want HOST:PORT`,
		"listen: ${A\n":                    "has ${ without }",
		"history: ${A}\nlisten: x\n":       `listen is "x"`,
		"publish_token_file: /run/empty\n": "the file is empty",
		stream("every: ${A}\ntimeout: 0s"): "timeout is",
		stream("evry: ${A}"):               "unknown key evry",
	} {
		if _, err := apart(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %s", text, err, want)
		}
	}
	c, err := apart("streams: [{name: a, push: '${A}'}, {name: b, mock: '${A}'}, {name: c, url: '${A}'}]")
	if err != nil || !c.Streams[0].Push || !c.Streams[1].Mock || !c.Streams[2].URL.IsSet() {
		t.Errorf("%v: streams of which nobody knows where documents come from have no source: %+v", err, c)
	}
	c, err = apart("streams: [{name: '${A}', push: true}, {name: '${A}', mock: true}]")
	if err != nil || c.Streams[0].Name == c.Streams[1].Name || c.Streams[0].Name == "" {
		t.Errorf("%v: streams whose names nobody knows are not told apart: %+v", err, c)
	}
}

// TestProxyOfStreams checks which proxy a stream has: its own, that of the flag, or that at
// the top of the file.
func TestProxyOfStreams(t *testing.T) {
	const streams = "streams: [{name: a, url: 'https://a.example'}, {name: b, url: 'https://b.example', proxy: 'http://own'}, {name: c, url: 'https://c.example', proxy: none}, {name: d, push: true}]"
	for _, test := range []struct {
		top, flag string
		want      []string
	}{
		{"", "", []string{"", "http://own", "", ""}},
		{"proxy: http://top\n", "", []string{"http://top", "http://own", "", ""}},
		{"proxy: http://top\n", "http://flag", []string{"http://flag", "http://own", "", ""}},
		{"proxy: http://top\n", "none", []string{"", "http://own", "", ""}},
		{"proxy: none\n", "http://flag", []string{"http://flag", "http://own", "", ""}},
		{"proxy: none\n", "", []string{"", "http://own", "", ""}},
	} {
		options := Options{Getenv: os.Getenv}
		if test.flag != "" {
			options.Proxy = NewSecret(test.flag)
		}
		c, err := Parse("p.yaml", []byte(test.top+streams), options)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range test.want {
			if got := c.Streams[i].RequestOptions().Proxy; got != want {
				t.Errorf("%q with %q: stream %s has the proxy %q, want %q", test.top, test.flag, c.Streams[i].Name, got, want)
			}
		}
	}
}

// TestKeySetOptions checks how the key set of an issuer is fetched.
func TestKeySetOptions(t *testing.T) {
	c, err := parseTest("proxy: http://top\ndeny_private: true\nallow_private: [10.0.0.1]\ntokens: {jwks: 'https://a.example', jwks_ca_file: ca, issuer: b, audience: c}\nstreams: [{name: a, push: true}]")
	if err != nil {
		t.Fatal(err)
	}
	o := c.KeySetOptions()
	if o.URL != "https://a.example" || o.Proxy != "http://top" || !o.DenyPrivate || fmt.Sprint(o.AllowPrivate) != "[10.0.0.1/32]" || o.TLS.CAFile != "/etc/pollux/ca" {
		t.Errorf("%+v", o)
	}
}

// TestJudge checks that each error of Judge is reported separately, at the place of the
// stream.
func TestJudge(t *testing.T) {
	var judged []string
	_, err := parse("f", []byte("streams:\n- {name: a, push: true}\n- {name: b, evry: 5s, push: true}\n- {name: c, mock: true}\n"), Options{
		Getenv: os.Getenv,
		Judge: func(s *Stream) error {
			judged = append(judged, s.Name)
			if s.Mock {
				return errors.Join(errors.New("httpjson: one"), fmt.Errorf("two: %w", errors.Join(errors.New("three"))))
			}
			return nil
		},
	}, fakeFile)
	want := "f:3:13: unknown key evry, did you mean every?\nf:4:3: stream c: one\nf:4:3: stream c: three"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if !slices.Equal(judged, []string{"a", "c"}) {
		t.Errorf("judged %v: want those without a mistake", judged)
	}
}

// TestNeedsStreams has files without a stream to serve.
func TestNeedsStreams(t *testing.T) {
	const want = "there are no streams: want at least one entry in streams"
	for text, wrong := range map[string]string{
		"listen: :1\n":                     "f: " + want,
		"listen: :1\nstreams: []\n":        "f:2:10: " + want,
		"streams:\n":                       "f:1:1: streams has no value",
		"streams: a\n":                     "f:1:10: streams is a string, want a list",
		"streams: [{push: true}]\n":        "f:1:11: a stream without a name, want for example name: prices",
		"canary: 1s\n":                     "",
		"streams: [{name: a, push: true}]": "",
	} {
		_, err := parse("f", []byte(text), Options{NeedsStreams: true}, fakeFile)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != wrong {
			t.Errorf("%q: %s, want %s", text, got, wrong)
		}
	}
}

// TestProbe finds the address in a file that has other mistakes, and whose secrets are
// missing.
func TestProbe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pollux.yaml")
	var variables []string
	for name, value := range environment {
		variables = append(variables, name+"="+value)
	}
	env := NewEnvironment(variables)
	for text, want := range map[string]string{
		"listen: ${HOST}:1\nhistory: many\npublish_token: ${NOPE}\n": "127.0.0.1:1",
		"history: 5\n":            DefaultListen,
		"listen: [systemd, ':2']": "systemd",
		"listen: :x\n":            path + `:1:9: listen is ":x": want a port from 1 to 65535, or 0 for one that is free`,
		"listen: ${NOPE}":         path + ":1:9: listen needs the environment variable NOPE, which is not set; set it, or say what else with ${NOPE:-default}",
		"listen: [":               path + ":1:9: cannot be read as YAML: sequence end token ']' not found",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		settings, err := Probe(path, env)
		var got string
		if err != nil {
			got = err.Error()
		} else {
			got = settings.Listen[0]
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if _, err := Probe(path+".none", env); err == nil {
		t.Error("there is no such file")
	}
}

// TestCheckBoth has two addresses that cannot be used together.
func TestCheckBoth(t *testing.T) {
	for _, test := range []struct {
		listen, admin string
		right         bool
	}{
		{"127.0.0.1:3000", "127.0.0.1:3001", true},
		{"127.0.0.1:3000", "127.0.0.1:3000", false},
		{"127.0.0.1:0", "127.0.0.1:0", true},
		{":3000", "127.0.0.1:3000", false},
		{":3000", "[::1]:3000", false},
		{"[::]:3000", "127.0.0.1:3000", false},
		{"[::]:3000", "[::1]:3000", false},
		{"0.0.0.0:3000", "127.0.0.1:3000", false},
		{"0.0.0.0:3000", "[::1]:3000", true},
		{"192.0.2.1:3000", "127.0.0.1:3000", true},
		{"[::1]:3000", "127.0.0.1:3000", true},
	} {
		if err := CheckBoth(test.listen, test.admin); (err == nil) != test.right {
			t.Errorf("%s and %s: %v", test.listen, test.admin, err)
		}
	}
}

// TestMaskURL shows the parts of a valid or invalid URL that help to find it, and no
// secret.
func TestMaskURL(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"https://api.example.com/prices": "https://api.example.com/prices",
		"https://u:hunter2@a.example/b?k=hunter2&x&=hunter2&y=#hunter2": "https://***@a.example/b?k=***&***&=***&y=***#***",
		"u:hunter2@a.example/b":          "***@a.example/b",
		"https://u:hunter2@x@a.example/": "https://***@a.example/",
		"https://u:hunter2/@a.example/":  "https://***@a.example/",
		"ftp://a.example/?hunter2":       "ftp://a.example/?***",
		"http:/hunter2@a.example":        "***@a.example",
		"//u:hunter2@a":                  "//***@a",
		"https://a.example?":             "https://a.example?",
	} {
		if got := MaskURL(text); got != want || strings.Contains(got, "hunter2") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
