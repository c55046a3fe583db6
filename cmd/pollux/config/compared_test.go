package config

import (
	"maps"
	"reflect"
	"strings"
	"testing"
)

// keysOf returns the keys in a text of Compared.
func keysOf(text string) map[string]string {
	hashes := map[string]string{}
	for pair := range strings.FieldsSeq(text) {
		key, hash, _ := strings.Cut(pair, "=")
		hashes[key] = hash
	}
	return hashes
}

// TestCompared changes each field of a stream, and expects another hash of its key alone. A
// file of another name is no difference.
func TestCompared(t *testing.T) {
	text := strings.Replace(everything, `, url: "https://a.example"`, "", 1)
	c, err := parseTest(text)
	if err != nil {
		t.Fatal(err)
	}
	check := func(stream Stream, alterIt func(s *Stream), setting *Setting) {
		t.Helper()
		before := keysOf(c.Compared(&stream))
		alterIt(&stream)
		after := keysOf(c.Compared(&stream))
		isSame := before[setting.Key] == after[setting.Key] || before[setting.Key] == notCompared
		if wantSame := setting.Key == "name" || before[setting.Key] == notCompared; isSame != wantSame {
			t.Errorf("%s: %q, and %q when it is another one", setting.Key, before[setting.Key], after[setting.Key])
		}
		for key, hash := range before {
			if other := after[key]; key != setting.Key && setting.Key != "name" && other != hash && other != "" {
				t.Errorf("another %s changes %s", setting.Key, key)
			}
		}
	}
	for _, setting := range ofStream.all {
		if sections[setting.Type] != nil {
			continue
		}
		check(c.Streams[0], func(s *Stream) { alter(t, reflect.ValueOf(s).Elem().Field(setting.index)) }, setting)
	}
	for _, stream := range c.Streams {
		for _, setting := range ofOAuth2.all {
			if stream.OAuth2 == nil {
				continue
			}
			check(stream, func(s *Stream) {
				oauth2 := *s.OAuth2
				s.OAuth2 = &oauth2
				alter(t, reflect.ValueOf(s.OAuth2).Elem().Field(setting.index))
			}, setting)
		}
		for _, setting := range ofLogin.all {
			if stream.Login == nil {
				continue
			}
			check(stream, func(s *Stream) {
				login := *s.Login
				login.Headers = maps.Clone(login.Headers)
				s.Login = &login
				alter(t, reflect.ValueOf(s.Login).Elem().Field(setting.index))
			}, setting)
		}
		for _, setting := range ofKeys.all {
			if stream.Keys == nil {
				continue
			}
			check(stream, func(s *Stream) {
				keys := *s.Keys
				s.Keys = &keys
				alter(t, reflect.ValueOf(s.Keys).Elem().Field(setting.index))
			}, setting)
		}
	}
}

// TestComparedInherits counts what is at the top of the file.
func TestComparedInherits(t *testing.T) {
	compared := func(top string) map[string]string {
		t.Helper()
		c, err := parseTest(top + "streams: [{name: a, push: true}]")
		if err != nil {
			t.Fatal(err)
		}
		return keysOf(c.Compared(&c.Streams[0]))
	}
	plain := compared("")
	for key, top := range map[string]string{"history": "history: 7\n", "history_bytes": "history_bytes: 777777\n", "publish_token": "publish_token: thyme\n", "access": "access: public\n"} {
		if other := compared(top); other[key] == plain[key] {
			t.Errorf("%s at the top is no difference: %q", key, other[key])
		}
	}
}

// TestComparedHasNoSecret: of a secret there are three digits, the same wherever it is used,
// and nothing of one in a file.
func TestComparedHasNoSecret(t *testing.T) {
	url := NewSecret("https://a.example/?k=v")
	one := Stream{
		Name: "a", URL: url, Headers: map[string]Secret{"X": NewSecret("thyme")}, BearerToken: NewSecret("rosemary"), PollToken: NewSecret("rosemary"),
		Proxy: NewSecret("http://p:q@proxy.example"), Body: NewSecret("sage"), Method: "POST",
	}
	other := Stream{
		Name: "b", URL: url, Headers: map[string]Secret{"X": NewSecret("thyme"), "Y": newSecretOf("mint", "/run/y")}, BearerToken: newSecretOf("rosemary", "/run/token"),
		CAFile: "/run/ca",
	}
	c := new(Config)
	a, b := keysOf(c.Compared(&one)), keysOf(c.Compared(&other))
	for _, key := range []string{"url", "headers", "bearer_token", "poll_token", "proxy", "body"} {
		if len(a[key]) != secretDigits {
			t.Errorf("%s: %q", key, a[key])
		}
	}
	if a["bearer_token"] != a["poll_token"] || a["url"] != b["url"] {
		t.Errorf("the same secret has several hashes: %v, %v", a, b)
	}
	if b["headers"] != notCompared || b["bearer_token"] != notCompared || b["ca_file"] != notCompared {
		t.Errorf("secrets in files: %v", b)
	}
	if len(a["method"]) != plainDigits {
		t.Errorf("method: %q", a["method"])
	}
}
