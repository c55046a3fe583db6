package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestSecretsDoNotPrint prints, in every way, a configuration in which each string that
// may be a secret is one, also as an unexported field.
func TestSecretsDoNotPrint(t *testing.T) {
	environment := func(string) string { return marker }
	read := func(string, int64) ([]byte, error) { return []byte(marker), nil }
	c, err := parse("f", []byte(`
publish_token: ${A}
proxy: http://${A}@proxy.example
streams:
  - name: a
    url: https://${A}@api.example.com/${A}?${A}
    method: POST
    body: ${A}
    headers: {X: "${A}"}
    header_files: {Y: x}
    proxy: http://${A}:${A}@proxy.example
    poll_token: ${A}
    poll_secret_file: x
  - name: b
    url: https://api.example.com
    bearer_token: ${A}
  - name: c
    url: https://api.example.com
    oauth2: {token_url: "https://${A}.example/${A}", client_id: a, client_secret: "${A}"}
  - name: d
    url: https://api.example.com
    login: {url: "https://${A}.example/${A}", body: "${A}", headers: {X: "${A}"}}
`), Options{Getenv: environment}, read)
	if err != nil {
		t.Fatal(err)
	}
	inside := struct {
		config Config
		stream Stream
		secret Secret
	}{*c, c.Streams[0], c.PublishToken}
	var printed strings.Builder
	for _, value := range []any{c, *c, c.Streams, c.Streams[0], &c.Streams[0], c.Streams[2].OAuth2, *c.Streams[2].OAuth2, c.Streams[3].Login, *c.Streams[3].Login, c.PublishToken, &c.PublishToken, inside, &inside} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			fmt.Fprintf(&printed, verb+"\n", value)
		}
		text := slog.New(slog.NewTextHandler(&printed, nil))
		text.Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("json", "value", value)
		asJSON, err := json.Marshal(value)
		if err != nil {
			t.Error(err)
		}
		asYAML, err := yaml.Marshal(value)
		if err != nil {
			t.Error(err)
		}
		printed.Write(asJSON)
		printed.Write(asYAML)
	}
	for _, form := range []string{marker, fmt.Sprintf("%x", marker), fmt.Sprint([]byte(marker)), fmt.Sprintf("%#v", []byte(marker))} {
		if at := strings.Index(printed.String(), form); at >= 0 {
			t.Errorf("printed: %q", printed.String()[max(0, at-200):at+len(form)])
		}
	}
	if !strings.Contains(printed.String(), hidden) {
		t.Error("not even a sign that there is a secret")
	}
	text, err := c.PublishToken.MarshalText()
	if err != nil || !bytes.Equal(text, []byte(hidden)) || c.PublishToken.LogValue().String() != hidden {
		t.Errorf("%s, %v", text, err)
	}
}

func TestSecretEqual(t *testing.T) {
	for _, test := range []struct {
		a, b  Secret
		equal bool
	}{
		{Secret{}, Secret{}, true},
		{NewSecret("a"), NewSecret("a"), true},
		{NewSecret("a"), NewSecret("b"), false},
		{NewSecret(""), Secret{}, false},
	} {
		if test.a.Equal(test.b) != test.equal || test.b.Equal(test.a) != test.equal {
			t.Errorf("%q and %q", test.a.Reveal(), test.b.Reveal())
		}
	}
}

// TestFingerprint changes each field of a stream and of a configuration, and expects
// another fingerprint.
func TestFingerprint(t *testing.T) {
	text := strings.Replace(everything, `, url: "https://a.example"`, "", 1)
	parsed := func() *Config {
		c, err := parseTest(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := parsed(), parsed()
	if len(a.Differs(b)) != 0 || a.Streams[0].Revision() != b.Streams[0].Revision() {
		t.Error("equal files differ")
	}
	if revision := a.Streams[0].Revision(); len(revision) != 64 || revision == a.Streams[1].Revision() {
		t.Errorf("revision %q", revision)
	}
	for i := range reflect.TypeFor[Stream]().NumField() {
		s := parsed().Streams[0]
		alter(t, reflect.ValueOf(&s).Elem().Field(i))
		name := reflect.TypeFor[Stream]().Field(i).Name
		if s.Fingerprint() == a.Streams[0].Fingerprint() {
			t.Errorf("Fingerprint does not see %s", name)
		}
		if same := s.Revision() == a.Streams[0].Revision(); same != slices.Contains([]string{"Access", "PublishToken", "History", "HistoryBytes", "Replay", "ReplayEvents", "ReplayBytes", "Template"}, name) {
			t.Errorf("Revision sees %s: %v", name, !same)
		}
	}
	keyed := slices.IndexFunc(a.Streams, func(s Stream) bool { return s.Name == "quotes" })
	for i := range reflect.TypeFor[Keys]().NumField() {
		s := parsed().Streams[keyed]
		alter(t, reflect.ValueOf(s.Keys).Elem().Field(i))
		name := reflect.TypeFor[Keys]().Field(i).Name
		if s.Fingerprint() == a.Streams[keyed].Fingerprint() {
			t.Errorf("Fingerprint does not see Keys.%s", name)
		}
		if same := s.Revision() == a.Streams[keyed].Revision(); same != slices.Contains([]string{"Match", "Max", "Idle", "IdleBytes"}, name) {
			t.Errorf("Revision sees Keys.%s: %v", name, !same)
		}
	}
	for i := range reflect.TypeFor[Config]().NumField() {
		c, name := parsed(), reflect.TypeFor[Config]().Field(i).Name
		alter(t, reflect.ValueOf(c).Elem().Field(i))
		if same := len(c.Differs(a)) == 0; same != slices.Contains([]string{"Streams", "Shared", "Canary", "Proxy", "DenyPrivate", "AllowPrivate"}, name) {
			t.Errorf("%s differs: %v", name, !same)
		}
	}
	for _, pair := range [][2]Stream{
		{{Ignore: []string{"/a", "/b"}}, {Ignore: []string{"/a\n/b"}}},
		{{Respect: []string{}}, {Respect: nil}},
		{{PollToken: NewSecret("a")}, {PollSecret: NewSecret("a")}},
	} {
		if pair[0].Revision() == pair[1].Revision() {
			t.Errorf("%+v and %+v look alike", pair[0], pair[1])
		}
	}
}

// alter gives a field another value.
func alter(t *testing.T, field reflect.Value) {
	t.Helper()
	if _, ok := reflect.TypeAssert[Secret](field); ok {
		field.Set(reflect.ValueOf(NewSecret("another")))
		return
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString("another")
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + 1)
	case reflect.Pointer:
		changed := reflect.New(field.Type().Elem())
		if !field.IsNil() {
			changed.Elem().Set(field.Elem())
			alter(t, changed.Elem())
		}
		field.Set(changed)
	case reflect.Struct:
		alter(t, field.Field(0))
	case reflect.Slice:
		field.Set(reflect.Append(field, reflect.Zero(field.Type().Elem())))
	case reflect.Map:
		field.SetMapIndex(reflect.ValueOf("Another"), reflect.ValueOf(NewSecret("another")))
	default:
		t.Fatalf("cannot change a %v", field.Type())
	}
}

// A stream that takes its token from another file is another stream, although both files
// have the same now: each is read again when it changes.
func TestRevisionKnowsTheFile(t *testing.T) {
	from := func(file string) string {
		s := Stream{Name: "a", BearerToken: newSecretOf("token", file)}
		return s.Revision()
	}
	one, again := from("/run/a"), from("/run/a")
	if one != again || one == from("/run/b") || one == from("") {
		t.Error("the file of a token does not count")
	}
}
