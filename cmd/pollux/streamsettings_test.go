package main

import (
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/internal/tracing"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// streamSettings has a stream without and with each setting.
var streamSettings = map[string]struct{ without, with string }{
	"name":                 {"name: a, url: https://a.example", "name: b, url: https://a.example"},
	"url":                  {"name: a, mock: true", "name: a, url: https://b.example"},
	"push":                 {"name: a, mock: true", "name: a, push: true"},
	"mock":                 {"name: a, push: true", "name: a, mock: true"},
	"at_most":              {"name: a, push: true", "name: a, push: true, at_most: 4/s"},
	"access":               {"name: a, url: https://a.example", "name: a, url: https://a.example, access: public"},
	"method":               {"name: a, url: https://a.example", "name: a, url: https://a.example, method: POST"},
	"body":                 {"name: a, url: https://a.example, method: POST", "name: a, url: https://a.example, method: POST, body: b"},
	"headers":              {"name: a, url: https://a.example", "name: a, url: https://a.example, headers: {X-One: b}"},
	"bearer_token":         {"name: a, url: https://a.example", "name: a, url: https://a.example, bearer_token: b"},
	"user_agent":           {"name: a, url: https://a.example", "name: a, url: https://a.example, user_agent: ops@example.com"},
	"max_document":         {"name: a, url: https://a.example", "name: a, url: https://a.example, max_document: 7"},
	"conditional":          {"name: a, url: https://a.example", "name: a, url: https://a.example, conditional: false"},
	"revalidate":           {"name: a, url: https://a.example", "name: a, url: https://a.example, revalidate: 2h"},
	"every":                {"name: a, url: https://a.example", "name: a, url: https://a.example, every: 2h"},
	"timeout":              {"name: a, url: https://a.example, every: 1m", "name: a, url: https://a.example, every: 1m, timeout: 7s"},
	"poll":                 {"name: a, url: https://a.example", "name: a, url: https://a.example, poll: on-demand"},
	"linger":               {"name: a, url: https://a.example, poll: on-demand", "name: a, url: https://a.example, poll: on-demand, linger: 7m"},
	"max_wait":             {"name: a, url: https://a.example", "name: a, url: https://a.example, max_wait: 7m"},
	"respect":              {"name: a, url: https://a.example", "name: a, url: https://a.example, respect: [max-age]"},
	"accept_status":        {"name: a, url: https://a.example", "name: a, url: https://a.example, accept_status: [503]"},
	"success":              {"name: a, url: https://a.example", "name: a, url: https://a.example, success: .ok"},
	"format":               {"name: a, url: https://a.example", "name: a, url: https://a.example, format: csv"},
	"charset":              {"name: a, url: https://a.example", "name: a, url: https://a.example, charset: latin1"},
	"strip_prefix":         {"name: a, url: https://a.example", "name: a, url: https://a.example, strip_prefix: b"},
	"select":               {"name: a, url: https://a.example", "name: a, url: https://a.example, select: .a"},
	"ignore":               {"name: a, url: https://a.example", "name: a, url: https://a.example, ignore: [/a]"},
	"key":                  {"name: a, url: https://a.example", "name: a, url: https://a.example, key: /id"},
	"redirect_hosts":       {"name: a, url: https://a.example", "name: a, url: https://a.example, redirect_hosts: [b.example]"},
	"proxy":                {"name: a, url: https://a.example", "name: a, url: https://a.example, proxy: 'http://b.example:3128'"},
	"ca_file":              {"name: a, url: https://a.example", "name: a, url: https://a.example, ca_file: CERTIFICATE"},
	"cert_file":            {"name: a, url: https://a.example", "name: a, url: https://a.example, cert_file: CERTIFICATE, key_file: KEY"},
	"key_file":             {"name: a, url: https://a.example", "name: a, url: https://a.example, cert_file: CERTIFICATE, key_file: KEY"},
	"server_name":          {"name: a, url: https://a.example", "name: a, url: https://a.example, server_name: b.example"},
	"min_version":          {"name: a, url: https://a.example", "name: a, url: https://a.example, min_version: '1.3'"},
	"insecure_skip_verify": {"name: a, url: https://a.example", "name: a, url: https://a.example, insecure_skip_verify: true"},
	"traceparent":          {"name: a, url: https://a.example", "name: a, url: https://a.example, traceparent: true"},
	"deny_private":         {"name: a, url: https://a.example", "name: a, url: https://a.example, deny_private: true"},
	"allow_private":        {"name: a, url: https://a.example, deny_private: true", "name: a, url: https://a.example, deny_private: true, allow_private: [10.0.0.0/8]"},
	"history":              {"name: a, url: https://a.example", "name: a, url: https://a.example, history: 7"},
	"history_bytes":        {"name: a, url: https://a.example", "name: a, url: https://a.example, history_bytes: 7"},
	"replay":               {"name: a, url: https://a.example", "name: a, url: https://a.example, replay: latest"},
	"replay_events":        {"name: a, url: https://a.example", "name: a, url: https://a.example, replay_events: 7"},
	"replay_bytes":         {"name: a, url: https://a.example", "name: a, url: https://a.example, replay_bytes: 7"},
	"publish_token":        {"name: a, push: true", "name: a, push: true, publish_token: b"},
	"poll_token":           {"name: a, url: https://a.example", "name: a, url: https://a.example, poll_token: b"},
	"poll_secret":          {"name: a, url: https://a.example", "name: a, url: https://a.example, poll_secret: b"},
	"keys":                 {"name: a, push: true", "name: a, push: true, keys: {match: a}"},
	"source":               {"name: a, url: https://a.example", "name: a, url: https://a.example, source: sse"},
	"events":               {"name: a, url: https://a.example, source: sse", "name: a, url: https://a.example, source: sse, events: [price]"},
	"ttl":                  {"name: a, url: https://a.example", "name: a, url: https://a.example, ttl: /ttl"},
	"oauth2":               {"name: a, url: https://a.example", "name: a, url: https://a.example, oauth2: {token_url: 'https://b.example', client_id: b, client_secret: b}"},
	"cookies":              {"name: a, url: https://a.example", "name: a, url: https://a.example, cookies: true"},
	"login":                {"name: a, url: https://a.example", "name: a, url: https://a.example, login: {url: 'https://a.example/login', body: b}"},
	"template":             {"name: a, url: https://a.example", "name: a, url: https://a.example, template: '<b>{{.}}</b>'"},
	"keys.match":           {"name: a, url: 'https://a.example/{key}', keys: {match: a}", "name: a, url: 'https://a.example/{key}', keys: {match: b}"},
	"keys.max":             {"name: a, url: 'https://a.example/{key}', keys: {match: a}", "name: a, url: 'https://a.example/{key}', keys: {match: a, max: 7}"},
	"keys.batch":           {"name: a, url: 'https://a.example/{key}', keys: {match: a, split: '.[]'}", "name: a, url: 'https://a.example/{keys}', keys: {match: a, split: '.[]', batch: 7}"},
	"keys.split":           {"name: a, url: 'https://a.example/{key}', keys: {match: a}", "name: a, url: 'https://a.example/{key}', keys: {match: a, split: '.[]'}"},
	"keys.parallel":        {"name: a, url: 'https://a.example/{key}', keys: {match: a}", "name: a, url: 'https://a.example/{key}', keys: {match: a, parallel: 7}"},
	"keys.absent":          {"name: a, url: 'https://a.example/{key}', keys: {match: a}", "name: a, url: 'https://a.example/{key}', keys: {match: a, absent: 7m}"},
	"keys.idle":            {"name: a, push: true, keys: {match: a}", "name: a, push: true, keys: {match: a, idle: 7m}"},
	"keys.idle_bytes":      {"name: a, url: 'https://a.example/{key}', keys: {match: a}", "name: a, url: 'https://a.example/{key}', keys: {match: a, idle_bytes: 7000}"},
}

// effects is what a stream is made of, without its revision.
type effects struct {
	stream  pollux.Stream
	request httpjson.Options
	polled  bool
	html    bool
	same    bool // that {"a":1} and {"a":2} are the same
}

// effectsOf returns what the program makes of the one stream of a file.
func effectsOf(t *testing.T, text string) effects {
	t.Helper()
	c, err := config.Parse("p.yaml", []byte(text), config.Options{Getenv: os.Getenv, NeedsStreams: true})
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	p := &program{log: slog.New(slog.DiscardHandler), flags: new(config.Flags), start: config.Defaults(), maxDocument: 1 << 20, tracer: new(tracing.Tracer), transports: httpjson.NewTransports(nil)}
	streams, err := p.newStreams(c)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	e := effects{stream: streams[0], request: requestOptions(&c.Streams[0], p.maxDocument, nil, p.tracer)}
	if same := e.stream.Poll.Same; same != nil {
		e.same = same([]byte(`{"a":1}`), []byte(`{"a":2}`))
	}
	e.stream.Revision, e.stream.Poll.Revision = "", ""
	e.html, e.stream.Template = e.stream.Template != nil, nil
	e.polled = e.stream.Poll.Source != nil
	e.stream.Poll.Source = nil // its options are request
	if keys := e.stream.Poll.Keys; keys != nil {
		keys.Source = nil
	}
	return e
}

// TestEveryStreamSetting checks that each setting of a stream changes what the program makes of
// the stream, also if its value is in a file.
func TestEveryStreamSetting(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	paths := strings.NewReplacer("CERTIFICATE", write("crt", certificateOfTests(t)),
		"KEY", write("key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))))
	differ := cmp.Options{
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmp.FilterValues(func(a, b any) bool { return isFunc(a) || isFunc(b) }, cmp.Comparer(func(a, b any) bool { return reflect.ValueOf(a).IsNil() == reflect.ValueOf(b).IsNil() })),
	}
	file := func(stream string) string {
		return "tokens: {lines: '# nobody'}\ndeny_private: false\nstreams: [{" + paths.Replace(stream) + "}]\n"
	}
	for _, s := range config.StreamSettings() {
		row, ok := streamSettings[s.Key]
		if !ok {
			t.Errorf("no test has the setting %s", s.Key)
			continue
		}
		without := effectsOf(t, file(row.without))
		if cmp.Equal(without, effectsOf(t, file(row.with)), differ) {
			t.Errorf("%s changes nothing", s.Key)
		}
		if s.FileKey == "" {
			continue
		}
		before, value, _ := strings.Cut(row.with, s.Key+": ")
		inFile := before + s.FileKey + ": " + write("value", value)
		if strings.HasPrefix(value, "{") { // by name
			inFile = before + s.FileKey + ": {X-One: " + write("value", "b") + "}"
		}
		if cmp.Equal(without, effectsOf(t, file(inFile)), differ) {
			t.Errorf("%s changes nothing", s.FileKey)
		}
	}
	for key, row := range streamSettings {
		if strings.HasPrefix(key, "keys.") && cmp.Equal(effectsOf(t, file(row.without)), effectsOf(t, file(row.with)), differ) {
			t.Errorf("%s changes nothing", key)
		}
	}
}

func isFunc(v any) bool { return v != nil && reflect.TypeOf(v).Kind() == reflect.Func }

// TestEveryFlagIsTested checks that each flag of a command that is no setting is used in a test.
func TestEveryFlagIsTested(t *testing.T) {
	var tests strings.Builder
	for _, pattern := range []string{"*_test.go", "testdata/script/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	parser, err := newParser(new(cli))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]bool{"help": true}
	for _, s := range config.Settings() {
		settings[s.Flag] = true
	}
	count := 0
	err = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if command, ok := node.(*kong.Command); ok {
			for _, flag := range command.Flags {
				if settings[flag.Name] && command.Name == "serve" {
					continue // TestEverySetting
				}
				count++
				if !strings.Contains(tests.String(), "--"+flag.Name) {
					t.Errorf("no test has pollux %s --%s", command.Name, flag.Name)
				}
			}
		}
		return next(nil)
	})
	if err != nil || count == 0 {
		t.Errorf("%v after %d flags", err, count)
	}
}
