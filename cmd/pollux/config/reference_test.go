package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

//go:generate go test -run TestReference -update .

var update = flag.Bool("update", false, "write docs/configuration.md and docs/pollux.schema.json")

// TestReference compares the documents that are made of the declarations with those in
// docs. `go generate ./cmd/pollux/config` writes them.
func TestReference(t *testing.T) {
	for name, want := range map[string]string{"configuration.md": reference(), "pollux.schema.json": schemaText(t)} {
		path := "../../../docs/" + name
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is not what the settings declare, `go generate ./cmd/pollux/config` writes it:\n%s", name, diff)
		}
	}
}

// TestDeclarations checks that each setting is fully declared.
func TestDeclarations(t *testing.T) {
	for _, s := range slices.Concat(top.all, ofStream.all, ofKeys.all, ofOAuth2.all, ofLogin.all, ofTokens.all) {
		if s.Key == "" || !strings.HasSuffix(s.Help, ".") {
			t.Errorf("%+v: want a key, and help in sentences", s)
		}
		if s.Default != "" && s.Unset != "" {
			t.Errorf("%s has a default, so it is never unset", s.Key)
		}
		if s.Is != "" && languages[s.Is].check == nil && checks[s.Is] == nil {
			t.Errorf("%s: no check has the name %s", s.Key, s.Is)
		}
		if s.With != "" && top.by[s.With] == nil {
			t.Errorf("%s requires %s, which does not exist", s.Key, s.With)
		}
		isNumber := s.Type == reflect.TypeFor[int]() || s.Type == reflect.TypeFor[time.Duration]()
		if bounded := s.Most > s.Least; (isNumber || s.IsList()) && !bounded && s.Key != "timeout" {
			t.Errorf("%s has no bounds", s.Key)
		}
		if all := fmt.Sprint(*s); strings.Contains(strings.ReplaceAll(all, "${NAME}", ""), "${") {
			t.Errorf("a name without a constant: %s", all)
		}
	}
	if c := Defaults(); c.Listen[0] != DefaultListen || *c.Heartbeat != 15*time.Second || *c.DenyPrivate {
		t.Errorf("defaults %+v", c)
	}
	for _, text := range []string{"streams: [{name: a, url: 'https://a.example'}]", "streams: [{name: a, mock: true}]", "streams: [{name: a, push: true}]"} {
		if _, err := parseTest(text); err != nil {
			t.Error(err)
		}
	}
}

// TestOr has a setting that both configurations give, and one that only the other
// gives. It checks that neither configuration is changed.
func TestOr(t *testing.T) {
	a := Config{History: new(1), PublishToken: NewSecret("a")}
	b := Config{History: new(2), Buffer: new(3), AllowOrigins: []string{}, PublishToken: NewSecret("b")}
	got := a.Or(&b)
	if *got.History != 1 || *got.Buffer != 3 || got.AllowOrigins == nil || got.PublishToken.Reveal() != "a" || a.Buffer != nil || *b.History != 2 {
		t.Errorf("%+v", got)
	}
}

const referenceHead = `# Configuration

<!-- Written by "go generate ./cmd/pollux/config" from the declarations in settings.go, stream.go, keys.go, oauth2.go, login.go and tokens.go. Edit those. -->

Pollux is configured by flags, environment variables and a file. A flag wins over its variable, the variable over the
file, and the file over the default. An empty variable counts as not set. A variable that begins with ` + "`POLLUX_`" + ` and is
unknown is reported at the start, unless it is one that Kubernetes sets for a Service.

` + "`pollux --config FILE`" + ` reads the file, which is YAML. ` + "`pollux check FILE`" + ` validates it without starting,
` + "`pollux check --probe FILE`" + ` also asks the API of each stream once, and
` + "`pollux check --no-env FILE`" + ` does so without its variables and secrets. Editors validate it by
[pollux.schema.json](pollux.schema.json). [cookbook.md](cookbook.md) has complete files for real APIs.

- In a value, ` + "`${NAME}`" + ` is replaced by the environment variable NAME, and ` + "`${NAME:-text}`" + ` by text if NAME is empty or not
  set. ` + "`$$`" + ` is one ` + "`$`" + `. Inside ` + "`{ }` and `[ ]`" + ` YAML needs quotes around ` + "`${NAME}`" + `.
- A duration has a unit: ` + "`300ms`, `5s`, `1h30m`" + `.
- A secret never appears in an error or a log. A key that ends in ` + "`_file`" + ` names a file with the value, of 64 KiB at most,
  and ` + "`tokens.file`" + ` one of 4 MiB; line breaks at its end are removed. A relative path starts at the folder of the configuration.
- SIGHUP, or ` + "`POST /-/reload`" + ` at admin_listen, reads the file again. Streams whose keys are the same are not touched.
  Settings that need a restart and have changed are named in the log.
`

const streamHead = `
## Streams

Each entry of streams has a name, and exactly one of url, push: true and mock: true. A reload changes everything here.
Without a file, flags describe one stream with the name default: --url, --header, --every, --timeout and --push.

What many streams have in common can be said once, in defaults. It takes all keys of a stream but these: %s.

    defaults:
      every: 1m
      user_agent: ops@example.com
      bearer_token_file: /run/secrets/token
    streams:
      - {name: berlin, url: "https://api.example.com/v1/cities/berlin"}
      - {name: paris, url: "https://api.example.com/v1/cities/paris", every: 10s}
      - {name: public, url: "https://public.example.com/v1/all", bearer_token_file: null}
`

// notInDefaults lists the keys of a stream that may not stand in defaults.
func notInDefaults() string {
	var keys []string
	for _, key := range ofStream.keys {
		if ofDefaults.by[key] == nil {
			keys = append(keys, key)
		}
	}
	return strings.Join(keys[:len(keys)-1], ", ") + " and " + keys[len(keys)-1]
}

// reference returns docs/configuration.md.
func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead + "\n## Settings\n")
	for _, s := range top.all {
		b.WriteString(entry(s, true))
		if in := sections[s.Type]; in != nil && in != &ofDefaults {
			for _, s := range in.all {
				b.WriteString(entry(s, true))
			}
		}
	}
	fmt.Fprintf(&b, streamHead, notInDefaults())
	for _, s := range ofStream.all {
		b.WriteString(entry(s, false))
		if in := sections[s.Type]; in != nil {
			for _, s := range in.all {
				b.WriteString(entry(s, false))
			}
		}
	}
	return b.String()
}

// entry returns the text of the page for one setting.
func entry(s *Setting, isTop bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n%s\n\n- Value: %s\n", s.Key, s.Help, kindOf(s))
	switch {
	case s.Default != "":
		fmt.Fprintf(&b, "- Default: `%s`\n", s.Default)
	case s.Unset != "":
		fmt.Fprintf(&b, "- Not set: %s\n", s.Unset)
	}
	if s.Example != "" && s.Example != s.Default {
		fmt.Fprintf(&b, "- Example: `%s`\n", s.Example)
	}
	if s.FileKey != "" {
		fmt.Fprintf(&b, "- From a file: `%s`\n", s.FileKey)
	}
	switch {
	case s.Flag != "":
		fmt.Fprintf(&b, "- Flag: `--%s`, variable: `%s`\n", s.Flag, s.Variable)
	case s.Variable != "":
		fmt.Fprintf(&b, "- Variable: `%s`; there is no flag, because command lines are public\n", s.Variable)
	}
	if of := map[string]string{"request": "Only with url", "poll": "Not with push: true", "push": "Only with push: true"}[s.Of]; of != "" {
		fmt.Fprintf(&b, "- %s\n", of)
	}
	if s.With != "" {
		fmt.Fprintf(&b, "- Requires: `%s`\n", s.With)
	}
	if isTop {
		fmt.Fprintf(&b, "- Change: %s\n", map[bool]string{true: "reload", false: "restart"}[s.Reload])
	}
	return b.String()
}

// kindOf names the type of a setting, with its bounds.
func kindOf(s *Setting) string {
	kind := "text"
	switch {
	case s.Is == "markup":
		kind = "template; [protocol.md](protocol.md#html) says what it can do"
	case s.Secret():
		kind = "secret"
	case s.Type == reflect.TypeFor[[]Stream]():
		kind = "list of streams"
	case sections[s.Type] == &ofDefaults:
		kind = "mapping with keys of streams"
	case sections[s.Type] != nil:
		kind = "mapping with the keys below"
	case s.Type == reflect.TypeFor[Rate]():
		return fmt.Sprintf("rate, from 1 to %d in a second (`/s`) or in a minute (`/m`)", maxRate)
	case s.Type == reflect.TypeFor[map[string]Secret]():
		kind = "secrets by name"
	case s.Type == reflect.TypeFor[[]netip.Prefix]():
		kind = "list of networks"
	case s.Type == reflect.TypeFor[[]int]():
		kind = "list of whole numbers"
	case s.IsList() && len(s.Choices) > 0:
		return "list of `" + strings.Join(s.Choices, "`, `") + "`"
	case s.One:
		kind = "text, or list of texts"
	case s.IsList():
		kind = "list of texts"
	case len(s.Choices) > 0:
		return "`" + strings.Join(s.Choices, "`, `") + "`"
	case s.Type == reflect.TypeFor[bool]():
		return "`true` or `false`"
	case s.Type == reflect.TypeFor[time.Duration]() && s.Most == 0:
		return "duration"
	case s.Type == reflect.TypeFor[time.Duration]():
		return fmt.Sprintf("duration from %s to %s", short(time.Duration(s.Least)), short(time.Duration(s.Most)))
	case s.Type == reflect.TypeFor[int]():
		return strings.TrimSpace(fmt.Sprintf("whole number from %d to %d %s", s.Least, s.Most, s.Unit))
	}
	if s.Most > 0 {
		kind += fmt.Sprintf(", at most %d", s.Most)
	}
	return kind
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for i, m := range o {
		b.WriteByte("{,"[min(i, 1)])
		if err := encoder.Encode(m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := encoder.Encode(m.value); err != nil {
			return nil, err
		}
	}
	if len(o) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

const variablePattern = `\$[{]`

// patterns are the formats of is:"KIND", for editors.
var patterns = map[string]string{
	"listen":          `:.+|^systemd$`,
	"domain":          `^[^/@:* ]+[.][^/@:* ]+$`,
	"mode":            `^[0-7]{4}$`,
	"origin":          `^https?://[^/]+$|^[*]$`,
	"url":             `^[hH][tT][tT][pP][sS]?://`,
	"proxy":           `^[hH][tT][tT][pP][sS]?://|^none$`,
	"template":        `^[hH][tT][tT][pP][sS]?://`,
	"endpoint":        `^[hH][tT][tT][pP][sS]?://`,
	"scope":           `^[!#-\[\]-~]+$`,
	"host":            `^[^/@ ]+$`,
	"hostname":        `^[^/@* ]+$`,
	"contact":         `^[ !-'*-\[\]-~]{1,200}$`,
	"pointer":         `^(/([^~]|~[01])*)+$`,
	"network":         `^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$`,
	"private-network": `^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$`,
	"name":            `^[A-Za-z0-9.-][A-Za-z0-9._-]{0,63}$`,
	"rate":            `^[1-9][0-9]{0,3}/[sm]$`,
	"duration":        `^[-+]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|ms|s|m|h))+$|^0$`,
}

// schemaText returns docs/pollux.schema.json.
func schemaText(t *testing.T) string {
	t.Helper()
	exclusive := func(d declarations) []any {
		var rules []any
		for _, s := range d.all {
			if s.FileKey != "" && !s.IsMap() {
				rules = append(rules, object{{"not", object{{"required", []string{strings.TrimPrefix(s.Key, d.prefix), strings.TrimPrefix(s.FileKey, d.prefix)}}}}})
			}
		}
		return rules
	}
	is := func(key string) object {
		return object{{"required", []string{key}}, {"properties", object{{key, object{{"not", object{{"const", false}}}}}}}}
	}
	root := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "https://raw.githubusercontent.com/polluxhub/pollux/main/docs/pollux.schema.json"},
		{"title", "pollux.yaml"},
		{"description", "Configuration of Pollux. In a string ${NAME} is an environment variable, ${NAME:-default} one with a default, and $$ is one $. Flags win over the environment, and the environment over this file. `pollux check` knows some more rules."},
		{"type", "object"},
		{"additionalProperties", false},
		{"allOf", append(exclusive(top), object{{"anyOf", []any{
			object{{"required", []string{"defaults"}}},
			object{{"properties", object{{"streams", object{{"items", object{{"$ref", "#/$defs/alone"}}}}}}}},
		}}})},
		{"properties", properties(top)},
		{"$defs", object{
			{"stream", object{
				{"description", "One stream: a name, and one of url, push and mock."},
				{"type", "object"},
				{"additionalProperties", false},
				{"required", []string{"name"}},
				{"oneOf", []any{object{{"required", []string{"url"}}}, is("push"), is("mock")}},
				{"allOf", append(exclusive(ofStream),
					object{{"not", object{{"allOf", []any{object{{"required", []string{"keys"}}}, is("mock")}}}}},
					object{{"not", object{{"required", []string{"keys", "poll"}}}}},
				)},
				{"properties", properties(ofStream)},
			}},
			{"alone", object{
				{"description", "What a stream needs in a file without defaults."},
				{"anyOf", []any{object{{"not", object{{"required", []string{"linger"}}}}}, object{{"required", []string{"poll"}}}, object{{"required", []string{"keys"}}}}},
				{"dependentRequired", object{{"body", []string{"method"}}, {"body_file", []string{"method"}}}},
			}},
			{"defaults", object{
				{"type", "object"},
				{"additionalProperties", false},
				{"allOf", exclusive(ofDefaults)},
				{"properties", properties(ofDefaults)},
			}},
			{"keys", object{
				{"type", "object"},
				{"additionalProperties", false},
				{"required", []string{"match"}},
				{"properties", properties(ofKeys)},
			}},
			{"oauth2", object{
				{"type", "object"},
				{"additionalProperties", false},
				{"required", []string{"token_url", "client_id"}},
				{"allOf", exclusive(ofOAuth2)},
				{"properties", properties(ofOAuth2)},
			}},
			{"login", object{
				{"type", "object"},
				{"additionalProperties", false},
				{"required", []string{"url"}},
				{"allOf", exclusive(ofLogin)},
				{"properties", properties(ofLogin)},
			}},
			{"tokens", object{
				{"type", "object"},
				{"additionalProperties", false},
				{"allOf", exclusive(ofTokens)},
				{"properties", properties(ofTokens)},
			}},
		}},
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func properties(d declarations) object {
	var all object
	for _, s := range d.all {
		isNullable := d.by["name"] != nil && ofDefaults.by[s.Key] != nil // a stream may take a default back
		add := func(key, description string, shape object) {
			if isNullable {
				shape = object{{"anyOf", []any{shape, object{{"type", "null"}}}}}
			}
			all = append(all, member{strings.TrimPrefix(key, d.prefix), append(object{{"description", description}}, shape...)})
		}
		add(s.Key, describe(s), shape(s))
		last := &all[len(all)-1]
		last.value = append(last.value.(object), example(s)...)
		switch {
		case s.FileKey == "":
		case s.IsMap():
			add(s.FileKey, "Files whose contents are "+s.Key+", by name: 64 KiB each at most.", shape(s))
		default:
			add(s.FileKey, "A file whose content is "+s.Key+", without line breaks at its end: "+size(s.fileLimit())+" at most. A relative path starts at the folder of this file.",
				object{{"type", "string"}, {"minLength", 1}})
		}
	}
	return all
}

// size returns a number of bytes for people.
func size(bytes int64) string {
	if bytes >= 1<<20 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}

func describe(s *Setting) string {
	text := s.Help
	if s.Type == reflect.TypeFor[time.Duration]() && s.Most > 0 {
		text += fmt.Sprintf(" From %s to %s.", short(time.Duration(s.Least)), short(time.Duration(s.Most)))
	}
	if s.Unit != "" {
		text += " In " + s.Unit + "."
	}
	if s.Unset != "" {
		text += " If it is not set: " + s.Unset + "."
	}
	return text
}

// shape returns the schema of a setting, without its description and its example.
func shape(s *Setting) object {
	switch {
	case s.Type == reflect.TypeFor[[]Stream]():
		return object{{"type", "array"}, {"maxItems", s.Most}, {"items", object{{"$ref", "#/$defs/stream"}}}}
	case sections[s.Type] != nil:
		return object{{"$ref", "#/$defs/" + s.Key}}
	case s.IsMap():
		return object{
			{"type", "object"}, {"maxProperties", s.Most},
			{"propertyNames", object{{"pattern", "^[-A-Za-z0-9!#$%&'*+.^_`|~]+$"}}},
			{"additionalProperties", object{{"type", []string{"string", "null"}}, {"minLength", 1}}},
		}
	case s.One:
		return object{{"anyOf", []any{scalar(s), listOf(s)}}}
	case s.IsList():
		return listOf(s)
	}
	return scalar(s)
}

// example returns the default of a setting, or else an example.
func example(s *Setting) object {
	switch {
	case s.Default != "":
		return object{{"default", literal(s, s.Default)}}
	case s.Example != "":
		return object{{"examples", []any{literal(s, s.Example)}}}
	}
	return nil
}

func listOf(s *Setting) object {
	return object{{"type", "array"}, {"maxItems", s.Most}, {"uniqueItems", true}, {"items", scalar(s)}}
}

// scalar returns the schema of a value that is neither a list nor a mapping.
func scalar(s *Setting) object {
	pattern := patterns[s.Is]
	switch {
	case len(s.Choices) > 0:
		var choices []any
		for _, choice := range s.Choices {
			choices = append(choices, choice)
		}
		if slices.Contains(s.Choices, "on") { // which older YAML reads as true
			choices = append(choices, true, false)
		}
		return object{{"anyOf", []any{object{{"enum", choices}}, object{{"type", "string"}, {"pattern", variablePattern}}}}}
	case s.Type == reflect.TypeFor[int]():
		return object{{"type", []string{"integer", "string"}}, {"minimum", s.Least}, {"maximum", s.Most}, {"pattern", variablePattern}}
	case s.Type == reflect.TypeFor[[]int]():
		return object{{"type", []string{"integer", "string"}}, {"minimum", 200}, {"maximum", 599}, {"pattern", variablePattern}}
	case s.Type == reflect.TypeFor[bool]():
		return object{{"type", []string{"boolean", "string"}}, {"pattern", variablePattern}}
	case s.Type == reflect.TypeFor[time.Duration]():
		pattern = patterns["duration"]
	case s.Type == reflect.TypeFor[Rate]():
		pattern = patterns["rate"]
	case s.Key == "name":
		pattern = patterns["name"]
	}
	o := object{{"type", "string"}, {"minLength", 1}}
	if pattern != "" {
		o = append(o, member{"pattern", pattern + "|" + variablePattern})
	}
	return o
}

// literal returns a default or example as it is written in YAML.
func literal(s *Setting, text string) any {
	switch {
	case s.Type == reflect.TypeFor[[]int]():
		return json.RawMessage("[" + text + "]")
	case s.IsList() && !s.One:
		return strings.Split(text, ",")
	case s.Type == reflect.TypeFor[int](), s.Type == reflect.TypeFor[bool]():
		return json.RawMessage(text)
	default:
		return text
	}
}
