package config

import (
	"errors"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everything has each key once, except keys that exclude each other.
const everything = `
listen: ${HOST}:3000
admin_listen: "[::1]:3001"
history: 1
history_bytes: ${TEN}
history_total_bytes: 9
buffer: 3
max_clients: 4
max_connections: 11
max_views: 7
form_bytes: 8
held_bytes: 13
max_document: 5
heartbeat: 1s
write_timeout: 2s
min_rate: 12
max_age: 3s
drain: ${DRAIN:-4s}
allow_origins: [https://a.example, "*"]
trusted_proxies: [10.1.0.0/16, 169.254.0.1]
compression: off
log_format: json
log_level: warn
publish_token_file: near
proxy: http://top.example:3128
deny_private: ${YES}
allow_private: [10.0.0.0/8, 192.168.1.1, "::1"]
canary: 1s
new_keys_per_second: 15
streams:
  - name: polled
    url: https://api.example.com/a?cost=$$5&x=$x
    method: POST
    body: |
      {"query": "${TOKEN}"}
    headers: {x-one: one}
    header_files: {X-Two: /run/padded}
    bearer_token: ${TOKEN}
    every: 10s
    timeout: 9s
    max_document: 6
    user_agent: ops@example.com
    format: csv
    charset: latin1
    strip_prefix: "x"
    cookies: true
    login: {url: "https://e.example/login", method: POST, body_file: /run/token, headers: {x-one: one}, header_files: {X-Two: /run/padded}}
    ca_file: /run/ca
    cert_file: crt
    key_file: key
    server_name: api.example
    min_version: "1.3"
    insecure_skip_verify: true
    respect: [max-age]
    accept_status: [503, "${FIVE:-500}"]
    success: .ok
    max_wait: 23m
    ttl: /a/0
    history: 13
    history_bytes: ${TEN}
    select: .items
    ignore: [/a, "/b~0c"]
    key: /id
    poll: on-demand
    linger: 2s
    redirect_hosts: [CDN.example:443]
    proxy: http://user:secret@proxy.example:3128
    deny_private: false
    allow_private: []
    poll_token_file: /run/token
    poll_secret: "s e c r e t"
    replay: auto
    replay_events: 15
    replay_bytes: 14
  - {name: pushed, push: true, key: /id, history: 14, replay: latest, at_most: 30/m, template: "<b>{{.a}}</b>"}
  - {name: followed, url: "https://b.example", source: sse, events: [price, message], max_wait: 23m, respect: []}
  - name: asked
    url: https://b.example
    respect: []
    revalidate: 2h
    oauth2: {token_url: "https://d.example/token", client_id: pollux, client_secret_file: /run/token, auth_style: body, scopes: [a, "b:c"], audience: e}
  - {name: mocked, mock: true, every: 100ms, url: "https://a.example"}
  - name: quotes
    url: https://c.example/quotes?symbols={keys}
    linger: 3s
    respect: []
    proxy: none
    deny_private: false
    keys: {match: "[A-Z]+", max: 17, batch: 18, split: ".[] | {key, value}", parallel: 19, absent: 20s, idle_bytes: 2100}
  - name: user
    push: true
    keys: {match: "[0-9]{1,12}", idle: 22s}
`

func TestEverything(t *testing.T) {
	text := strings.Replace(everything, `, url: "https://a.example"`, "", 1)
	got, err := parseTest(text)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Listen: []string{"127.0.0.1:3000"}, AdminListen: new("[::1]:3001"), History: new(1), HistoryBytes: new(10), HistoryTotalBytes: new(9), Buffer: new(3),
		MaxConnections: new(11), MinRate: new(12),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("169.254.0.1/32")},
		MaxClients:     new(4), MaxViews: new(7), FormBytes: new(8), HeldBytes: new(13), MaxDocument: new(5), Heartbeat: new(time.Second), WriteTimeout: new(2 * time.Second),
		MaxAge: new(3 * time.Second), Drain: new(4 * time.Second), AllowOrigins: []string{"https://a.example", "*"},
		Compression: new("off"), LogFormat: new("json"), LogLevel: new("warn"), PublishToken: NewSecret("near"),
		Proxy:       NewSecret("http://top.example:3128"),
		DenyPrivate: new(true), Canary: new(time.Second), NewKeysPerSecond: new(15),
		AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.1/32"), netip.MustParsePrefix("::1/128")},
		Streams: []Stream{
			{
				Name: "polled", Source: "poll", URL: NewSecret("https://api.example.com/a?cost=$5&x=$x"), Method: "POST",
				Body:    NewSecret("{\"query\": \"from-environment\"}\n"),
				Headers: map[string]Secret{"X-One": NewSecret("one"), "X-Two": NewSecret("padded")}, BearerToken: NewSecret("from-environment"),
				MaxDocument: new(6), Every: 10 * time.Second, Timeout: 9 * time.Second, Poll: OnDemand, Linger: 2 * time.Second,
				AcceptStatus: []int{503, 500}, UserAgent: "ops@example.com", Format: "csv", Charset: "latin1", StripPrefix: "x",
				Cookies: true, Login: &Login{
					URL: NewSecret("https://e.example/login"), Method: "POST", Body: NewSecret("from-file"),
					Headers: map[string]Secret{"X-One": NewSecret("one"), "X-Two": NewSecret("padded")},
				},
				CAFile: "/run/ca", CertFile: "/etc/pollux/crt", KeyFile: "/etc/pollux/key", ServerName: "api.example", MinVersion: "1.3", InsecureSkipVerify: true, Success: ".ok", MaxWait: 23 * time.Minute, TTL: "/a/0",
				Respect: []string{"max-age"}, Select: ".items", Ignore: []string{"/a", "/b~0c"}, Key: "/id",
				RedirectHosts: []string{"cdn.example:443"}, Proxy: NewSecret("http://user:secret@proxy.example:3128"),
				AllowPrivate: []netip.Prefix{}, PollToken: NewSecret("from-file"), PollSecret: NewSecret("s e c r e t"),
				Conditional: true, Revalidate: time.Hour, History: new(13), HistoryBytes: new(10),
				Replay: "auto", ReplayEvents: 15, ReplayBytes: 14,
			},
			{Name: "pushed", Push: true, Key: "/id", History: new(14), Replay: "latest", ReplayEvents: 16, ReplayBytes: 65536, AtMost: Rate{30, time.Minute}, Template: NewSecret("<b>{{.a}}</b>")},
			{
				Name: "followed", URL: NewSecret("https://b.example"), Source: "sse", Events: []string{"price", "message"}, Method: "GET", Every: 15 * time.Second, Timeout: 10 * time.Second, Poll: Always,
				Respect: []string{}, DenyPrivate: true, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.1/32"), netip.MustParsePrefix("::1/128")},
				MaxWait: 23 * time.Minute, Format: "json", MinVersion: "1.2", ReplayEvents: 16, ReplayBytes: 65536,
				Proxy: NewSecret("http://top.example:3128"),
			},
			{
				Name: "asked", URL: NewSecret("https://b.example"), Source: "poll", Method: "GET", Every: 5 * time.Second, Timeout: 4 * time.Second, Poll: Always,
				Proxy: NewSecret("http://top.example:3128"),
				OAuth2: &OAuth2{
					TokenURL: NewSecret("https://d.example/token"), ClientID: "pollux", ClientSecret: NewSecret("from-file"), AuthStyle: "body",
					Scopes: []string{"a", "b:c"}, Audience: "e",
				},
				Respect: []string{}, DenyPrivate: true, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.1/32"), netip.MustParsePrefix("::1/128")},
				MaxWait: time.Hour, Format: "json", MinVersion: "1.2", Conditional: true, Revalidate: 2 * time.Hour, ReplayEvents: 16, ReplayBytes: 65536,
			},
			{
				Name: "mocked", Mock: true, Every: 100 * time.Millisecond, Timeout: 80 * time.Millisecond, Poll: Always,
				ReplayEvents: 16, ReplayBytes: 65536,
			},
			{
				Name: "quotes", URL: NewSecret("https://c.example/quotes?symbols={keys}"), Source: "poll", Method: "GET", Every: 5 * time.Second, Timeout: 4 * time.Second,
				Poll: OnDemand, Linger: 3 * time.Second, Respect: []string{}, MaxWait: time.Hour, Format: "json", MinVersion: "1.2", Conditional: true, Revalidate: time.Hour,
				AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.1/32"), netip.MustParsePrefix("::1/128")},
				Keys: &Keys{
					Match: "[A-Z]+", Max: 17, Batch: 18, Split: ".[] | {key, value}", Parallel: 19, Absent: 20 * time.Second, IdleBytes: 2100,
				},
				ReplayEvents: 16, ReplayBytes: 65536,
			},
			{
				Name: "user", Push: true, Keys: &Keys{Match: "[0-9]{1,12}", Max: 10_000, Idle: 22 * time.Second, IdleBytes: 16 << 20},
				ReplayEvents: 16, ReplayBytes: 65536,
			},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	wantHeader := http.Header{"X-One": {"one"}, "X-Two": {"padded"}, "Authorization": {"Bearer from-environment"}}
	if diff := cmp.Diff(wantHeader, got.Streams[0].Header()); diff != "" {
		t.Error(diff)
	}
	for i, want := range []string{"https://api.example.com", "", "https://b.example", "https://b.example", "", "https://c.example", ""} {
		if upstream := got.Streams[i].Upstream(); upstream != want {
			t.Errorf("upstream %q, want %q", upstream, want)
		}
	}
}

// TestDefaults checks the defaults of a stream, and that a Config has only what the
// file gives.
func TestDefaults(t *testing.T) {
	for text, want := range map[string]*Config{
		"listen: :1\n---\n":   {Listen: []string{":1"}},
		"\ufefflisten: :1":    {Listen: []string{":1"}},
		"listen: :1\r\n":      {Listen: []string{":1"}},
		"compression: on":     {Compression: new("on")},
		"compression: true":   {Compression: new("on")},
		"compression: False":  {Compression: new("off")},
		"streams: []":         {Streams: []Stream{}},
		"allow_origins: []":   {AllowOrigins: []string{}},
		"deny_private: false": {DenyPrivate: new(false)},
		"deny_private: true\nallow_private: [10.1.2.3]\n" + stream("every: 1m"): {
			DenyPrivate: new(true), AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/32")},
			Streams: []Stream{{
				Name: "a", URL: NewSecret("https://api.example.com/a"), Source: "poll", Method: "GET", Every: time.Minute, Timeout: 10 * time.Second,
				Poll: Always, MaxWait: time.Hour, Format: "json", MinVersion: "1.2", Respect: []string{"x-poll-interval", "ratelimit", "x-ratelimit-reset"}, DenyPrivate: true,
				AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/32")}, Conditional: true, Revalidate: time.Hour,
				ReplayEvents: 16, ReplayBytes: 65536,
			}},
		},
		stream("poll: on-demand\nrespect: []\nconditional: false"): {Streams: []Stream{{
			Name: "a", URL: NewSecret("https://api.example.com/a"), Source: "poll", Method: "GET", Every: 5 * time.Second, Timeout: 4 * time.Second,
			Poll: OnDemand, Linger: time.Minute, MaxWait: time.Hour, Format: "json", MinVersion: "1.2", Respect: []string{}, ReplayEvents: 16, ReplayBytes: 65536,
		}}},
	} {
		got, err := parseTest(text)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	}
}

// TestKeysDefaults checks the defaults of keys, which depend on where documents come from.
func TestKeysDefaults(t *testing.T) {
	for text, want := range map[string]Keys{
		"url: 'https://a.example/{key}'": {Match: "a", Max: 10_000, Batch: 1, Parallel: 16, Absent: 5 * time.Minute, IdleBytes: 16 << 20},
		"push: true":                     {Match: "a", Max: 10_000, Idle: 24 * time.Hour, IdleBytes: 16 << 20},
	} {
		got, err := parseTest("streams: [{name: a, " + text + ", keys: {match: a}}]")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, *got.Streams[0].Keys); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if s := got.Streams[0]; !s.Push && (s.Poll != OnDemand || s.Linger != time.Minute) {
			t.Errorf("%s and %v, want on demand and a minute", s.Poll, s.Linger)
		}
	}
}

// TestEveryKeyIsRead gives each key a value that is never valid.
func TestEveryKeyIsRead(t *testing.T) {
	for _, key := range top.keys {
		if _, err := parseTest(key + ": {x: [y]}"); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, key := range ofKeys.keys {
		text := "streams: [{name: a, push: true, keys: {" + strings.TrimPrefix(key, "keys.") + ": {x: [y]}}}]"
		if _, err := parseTest(text); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, key := range ofStream.keys {
		if _, err := parseTest("streams: [{" + key + ": {x: [y]}}]"); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "$": "$", "a$b": "a$b", "$$": "$", "$$$": "$$", "$${TOKEN}": "${TOKEN}", "$$${TOKEN}": "$from-environment",
		"${TOKEN}": "from-environment", "<${TOKEN}|${TEN}>": "<from-environment|10>", "${NOPE:-}": "", "${NOPE:-a b}": "a b",
		"${NOPE:-$x$$}": "$x$$", "${TEN:-1}": "10", "${EMPTY:-x}": "x", "$}{": "$}{", "${NOPE:-:-}": ":-",
		"${YAML}": "x\nlisten: :9",
	} {
		v := variables{getenv: func(name string) string { return environment[name] }}
		if got, err := v.expand(text); err != nil || got != want {
			t.Errorf("%q became %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"${", "${}", "${a-b}", "${1A}", "${NOPE}", "${EMPTY}", "${TOKEN", "${:-x}", "${ TOKEN}", "${\u00e9}"} {
		v := variables{getenv: func(name string) string { return environment[name] }}
		if got, err := v.expand(text); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestLoad reads real files: one with files beside it, and paths that are not files.
func TestLoad(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "pollux.yaml")
	for name, content := range map[string]string{"pollux.yaml": "publish_token_file: secrets/token\n", "secrets/token": "s3\r\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(path, Options{Getenv: os.Getenv})
	if err != nil || c.PublishToken.Reveal() != "s3" {
		t.Fatalf("%v, token %q", err, c.PublishToken.Reveal())
	}
	missing := filepath.Join(folder, "none.yaml")
	_, err = Load(missing, Options{Getenv: os.Getenv})
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != missing+": no such file or directory" {
		t.Errorf("%v", err)
	}
	if _, err = Load(folder, Options{Getenv: os.Getenv}); err == nil || err.Error() != folder+": is a directory, want a file" {
		t.Errorf("%v", err)
	}
	if _, err = Load(os.DevNull, Options{Getenv: os.Getenv}); err == nil || err.Error() != os.DevNull+": is not a regular file" {
		t.Errorf("%v", err)
	}
}
