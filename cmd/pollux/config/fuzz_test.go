package config

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// marker is in every secret of FuzzParse.
const marker = "hunter2correcthorse"

// FuzzParse uses its input in two ways: as a file whose variables and files are all
// secrets, and as a value, beside a secret, of every key that may be one. Parse must
// not panic, and no error may have the secret. A valid configuration must not print the
// secret.
func FuzzParse(f *testing.F) {
	cookbook, err := os.ReadFile("../../../docs/cookbook.md")
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range fences(string(cookbook)) {
		f.Add(text)
	}
	for _, text := range []string{
		"", " ", "\n", "x y", "\u00e9", "${A}", "$${A}", "${A:-b}", "listen: ${A}\nhistory: ${A}\ndrain: ${A}\ncompression: ${A}",
		"listen: [${A}", "select: &a ${A}\nlisten: *a", stream("select: ${A}\nkey: ${A}\nproxy: ${A}\nheaders: {X: '${A}'}"),
		stream("method: ${A}\nheader_files: {X: ${A}}\nbody_file: f\npoll: ${A}\nredirect_hosts: ['${A}']"),
		"deny_private: ${A}\nallow_private: ['${A}']\nadmin_listen: ${A}\nlog_level: \"${A}\\n\"\npublish_token_file: f",
		"streams:\n- name: ${A}\n  url: https://${A}:${A}@a?${A}#${A}\n", "a: |-\n  b\n", "a: >2\n b", "defaults: {select: '${A}', headers: {X: '${A}'}, bearer_token_file: f}\n" + stream("headers: {X: null}\nselect: null"), "? a", "- - -", "{a: [b, {c", "%YAML",
	} {
		f.Add(text)
	}
	secrets := func(string) string { return marker }
	read := func(string, int64) ([]byte, error) { return []byte(marker + "\n" + marker), nil }
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse("f", []byte(text), Options{Getenv: secrets}, read)
		judge(t, c, err)
		if c != nil {
			c, err = parse("f", []byte(text), Options{}, read)
			judge(t, c, err) // it may be invalid nevertheless, because a variable has a certain value
		}
		// The text as the value of one key, which its length chooses: all of them would take four times as long.
		quoted, _ := json.Marshal(text + marker)
		keys := []string{"url", "body", "bearer_token", "poll_token", "poll_secret", "proxy", "headers", "publish_token"}
		key, value := keys[len(text)%len(keys)], string(quoted)
		if key == "headers" {
			value = "{X: " + value + "}"
		}
		file := "streams: [{name: a, method: POST, url: 'https://a', " + key + ": " + value + "}]"
		if key == "publish_token" {
			file = key + ": " + value
		}
		none := func(string) string { return "" }
		c, err = parse("f", []byte(file), Options{Getenv: none}, read)
		judge(t, c, err)
		c, err = parse("f", []byte("defaults: {method: POST, "+key+": "+value+"}\nstreams: [{name: a, url: 'https://a'}, {name: b, url: 'https://b'}]"), Options{Getenv: none}, read)
		judge(t, c, err)
	})
}

func judge(t *testing.T, c *Config, err error) {
	t.Helper()
	if (c == nil) != (err != nil) {
		t.Fatalf("configuration %v with error %v", c, err)
	}
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if !strings.HasPrefix(line, "f:") || strings.Contains(line, marker) {
				t.Fatalf("%q", err)
			}
		}
		return
	}
	for i := range c.Streams {
		s := &c.Streams[i]
		if len(s.Revision()) != 64 || s.Header() == nil {
			t.Fatal("no revision or header")
		}
	}
}
