package config

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// schema is the part of JSON Schema that docs/pollux.schema.json uses.
type schema map[string]any

func readSchema(t *testing.T) schema {
	t.Helper()
	text, err := os.ReadFile("../../../docs/pollux.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s schema) at(path ...string) schema {
	for _, name := range path {
		s = s[name].(map[string]any)
	}
	return s
}

// TestSchemaSeesMistakes has mistakes that an editor marks, and valid files that it
// must not mark.
func TestSchemaSeesMistakes(t *testing.T) {
	s := readSchema(t)
	for text, right := range map[string]bool{
		"{}": true, "listen: :3000": true, "listen: 5": false, "lisen: x": false, "history: ${N}": true, "history: many": false,
		"history: 0": false, "heartbeat: 5": false, "heartbeat: 5s": true, "heartbeat: 1h30m": true, "heartbeat: 5 s": false,
		"compression: true": true, "compression: On": false, "publish_token: a\npublish_token_file: b": false,
		"allow_private: [10.0.0.0/8, ::1]": true, "allow_private: [x]": false, "streams: [{name: a}]": false,
		"streams: [{push: true}]": false, "streams: [{name: _a, push: true}]": false, "streams: [{name: a, push: true, mock: true}]": false,
		"streams: [{name: a, push: false}]": false, "streams: [{name: a, url: 'https://a', push: false}]": true,
		stream("body: a"): false, stream("body: a\nmethod: POST"): true, stream("linger: 5s"): false, stream("method: put"): false,
		stream("headers: {A B: c}"): false, stream("headers: {A: 5}"): false, stream("respect: [max-age]"): true,
		stream("respect: [age]"): false, stream("ignore: [a]"): false, stream("key: /a~0"): true, stream("key: /a~2"): false,
		stream("redirect_hosts: ['http://a']"): false, stream("proxy: a"): false, stream("poll_secret: a\npoll_secret_file: b"): false,
		"streams: [{name: a, push: true, keys: {match: a}}]": true, "streams: [{name: a, push: true, keys: {}}]": false,
		"streams: [{name: a, mock: true, keys: {match: a}}]": false, "streams: [{name: a, push: true, mock: false, keys: {match: a}}]": true,
		"streams: [{name: a, push: true, at_most: 4/s}]": true, "streams: [{name: a, push: true, at_most: 4}]": false,
		stream("keys: {match: a, foo: 5}"): false, stream("keys: {match: a, max: 0}"): false, stream("keys: a"): false,
		stream("keys: {match: a}\nlinger: 5s"): true, stream("keys: {match: a}\npoll: always"): false,
		"defaults: {every: 1m, ignore: [/a], headers: {X: a}}\n" + stream("every: null\nheaders: {X: null}\nbearer_token_file: null"): true,
		"defaults: {method: POST, poll: on-demand}\n" + stream("body: a\nlinger: 5s"):                                                 true, "defaults: a": false, "defaults: {evry: 1m}": false,
		"defaults: {name: a}": false, "defaults: {url: 'https://a.example'}": false, "defaults: {history: 5}": false, "defaults: {listen: ':1'}": false,
		"defaults: {every: null}": false, "defaults: {every: 5}": false, "defaults: {poll_token: a, poll_token_file: b}": false, "defaults: {every: 1m}\nstreams: [{name: a, url: null}]": false,
		stream("oauth2: {token_url: 'https://a', client_id: b, client_secret: c}"): true, stream("oauth2: {token_url: a, client_id: b}"): false,
		stream("oauth2: {client_id: b}"): false, stream("oauth2: {token_url: 'https://a', client_id: b, scopes: [a b]}"): false,
		stream("oauth2: {token_url: 'https://a', client_id: b, client_secret: c, client_secret_file: d}"): false,
		stream("login: {url: 'https://a', header_files: {A: b}}"):                                         true, stream("login: {url: a}"): false, stream("login: {body: b}"): false,
		stream("login: {url: 'https://a', body: b, body_file: c}"): false, stream("login: {url: 'https://a', headers: {A B: c}}"): false,
		stream("replay: latest"): true, stream("replay: newest"): false, stream("replay_events: 0"): false,
	} {
		if mistakes := s.judgeYAML(t, text); right != (len(mistakes) == 0) {
			t.Errorf("%q: %v, want right %v", text, mistakes, right)
		}
	}
}

func (s schema) judgeYAML(t *testing.T, text string) []string {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	return s.judge(s, "", value)
}

// judge returns why value does not match the schema. root has its $defs.
func (s schema) judge(root schema, path string, value any) (mistakes []string) {
	wrong := func(keyword string) { mistakes = append(mistakes, path+" does not fit "+keyword) }
	sub := func(of any, path string, value any) []string {
		return schema(of.(map[string]any)).judge(root, path, value)
	}
	matching := func(list any) (n int) {
		for _, of := range list.([]any) {
			if len(sub(of, path, value)) == 0 {
				n++
			}
		}
		return n
	}
	object, _ := value.(map[string]any)
	array, _ := value.([]any)
	number, isNumber := value.(float64)
	str, isString := value.(string)
	for keyword, is := range s {
		switch keyword {
		case "$schema", "$id", "$defs", "title", "description", "default", "examples":
		case "$ref":
			mistakes = append(mistakes, root.at("$defs", strings.TrimPrefix(is.(string), "#/$defs/")).judge(root, path, value)...)
		case "type":
			types, several := is.([]any)
			if !several {
				types = []any{is}
			}
			if !slices.ContainsFunc(types, func(t any) bool { return isOfType(value, t.(string)) }) {
				wrong(keyword)
			}
		case "enum":
			if !slices.Contains(is.([]any), value) {
				wrong(keyword)
			}
		case "const":
			if value != is {
				wrong(keyword)
			}
		case "minimum":
			if isNumber && number < is.(float64) {
				wrong(keyword)
			}
		case "maximum":
			if isNumber && number > is.(float64) {
				wrong(keyword)
			}
		case "minLength":
			if isString && len(str) < int(is.(float64)) {
				wrong(keyword)
			}
		case "pattern":
			if isString && !regexp.MustCompile(is.(string)).MatchString(str) {
				wrong(keyword)
			}
		case "maxItems":
			if len(array) > int(is.(float64)) {
				wrong(keyword)
			}
		case "uniqueItems": // which only the tests check
		case "items":
			for i, item := range array {
				mistakes = append(mistakes, sub(is, fmt.Sprintf("%s/%d", path, i), item)...)
			}
		case "maxProperties":
			if len(object) > int(is.(float64)) {
				wrong(keyword)
			}
		case "propertyNames":
			for name := range object {
				mistakes = append(mistakes, sub(is, path+"/"+name, name)...)
			}
		case "properties":
			for name, of := range is.(map[string]any) {
				if member, there := object[name]; there {
					mistakes = append(mistakes, sub(of, path+"/"+name, member)...)
				}
			}
		case "additionalProperties":
			known, _ := s["properties"].(map[string]any)
			for name, member := range object {
				if known[name] != nil {
					continue
				}
				if is == false {
					wrong(keyword + " with " + name)
				} else {
					mistakes = append(mistakes, sub(is, path+"/"+name, member)...)
				}
			}
		case "required":
			for _, name := range is.([]any) {
				if _, there := object[name.(string)]; !there {
					wrong(keyword)
				}
			}
		case "dependentRequired":
			for name, needed := range is.(map[string]any) {
				if _, there := object[name]; there {
					mistakes = append(mistakes, sub(map[string]any{"required": needed}, path, value)...)
				}
			}
		case "oneOf":
			if matching(is) != 1 {
				wrong(keyword)
			}
		case "anyOf":
			if matching(is) == 0 {
				wrong(keyword)
			}
		case "allOf":
			if matching(is) != len(is.([]any)) {
				wrong(keyword)
			}
		case "not":
			if len(sub(is, path, value)) == 0 {
				wrong(keyword)
			}
		default:
			mistakes = append(mistakes, "unknown keyword "+keyword)
		}
	}
	return mistakes
}

func isOfType(value any, name string) bool {
	switch value := value.(type) {
	case nil:
		return name == "null"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "integer" && value == math.Trunc(value)
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	default:
		return false
	}
}
