package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/hub/fanout"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
	"github.com/polluxhub/pollux/poller/same"
)

// Constants returns the values that tags name as ${NAME}: defaults and bounds that
// other packages export.
func Constants() map[string]string {
	return map[string]string{
		"listen":              DefaultListen,
		"acme_directory":      pollux.DefaultDirectory,
		"http2":               string(pollux.HTTP2First),
		"http2s":              strings.Join(names(pollux.HTTP2s()), " "),
		"public":              DefaultPublic,
		"sync":                string(embedded.SyncAlways),
		"nats_stream":         natslog.DefaultName,
		"nats_replicas":       strconv.Itoa(natslog.DefaultReplicas),
		"syncs":               strings.Join([]string{string(embedded.SyncAlways), string(embedded.SyncInterval)}, " "),
		"min_secret":          strconv.Itoa(embedded.MinSecret),
		"accesses":            strings.Join([]string{string(pollux.AccessPublic), string(pollux.AccessToken)}, " "),
		"algorithms":          strings.Join(auth.Algorithms(), " "),
		"url":                 httpjson.ExampleURL,
		"history":             strconv.Itoa(hub.DefaultHistory),
		"history_bytes":       strconv.Itoa(hub.DefaultHistoryBytes),
		"history_total_bytes": strconv.Itoa(hub.DefaultTotalHistoryBytes),
		"buffer":              strconv.Itoa(hub.DefaultBuffer),
		"max_buffer":          strconv.Itoa(hub.MaxBuffer),
		"max_views":           strconv.Itoa(fanout.DefaultMaxViews),
		"form_bytes":          strconv.Itoa(fanout.DefaultFormBytes),
		"held_bytes":          strconv.Itoa(fanout.DefaultHeldBytes),
		"min_rate":            strconv.Itoa(fanout.DefaultMinRate),
		"drain":               short(pollux.DefaultDrain),
		"heartbeat":           short(fanout.DefaultHeartbeat),
		"write_timeout":       short(fanout.DefaultWriteTimeout),
		"max_age":             short(fanout.DefaultMaxAge),
		"max_tree":            strconv.Itoa(document.MaxTree),
		"max_document":        strconv.Itoa(httpjson.DefaultMaxBody),
		"every":               short(poller.DefaultEvery),
		"timeout":             short(poller.MaxDefaultTimeout),
		"linger":              short(poller.DefaultLinger),
		"max_wait":            short(poller.DefaultMaxWait),
		"revalidate":          short(poller.DefaultRevalidate),
		"max_ignore":          strconv.Itoa(same.MaxIgnore),
		"replays":             strings.Join(replays(), " "),
		"replay_events":       strconv.Itoa(hub.DefaultReplayEvents),
		"replay_bytes":        strconv.Itoa(hub.DefaultReplayBytes),
		"new_keys":            strconv.Itoa(handlers.DefaultNewKeysPerSecond),
		"key_history":         strconv.Itoa(pollux.KeyHistory),
		"key_history_bytes":   strconv.Itoa(pollux.KeyHistoryBytes),
		"max_keys":            strconv.Itoa(hub.DefaultMaxKeys),
		"idle_bytes":          strconv.Itoa(hub.DefaultIdleBytes),
		"max_batch":           strconv.Itoa(poller.MaxBatch),
		"parallel":            strconv.Itoa(poller.DefaultParallel),
		"max_parallel":        strconv.Itoa(poller.MaxParallel),
		"absent":              short(poller.DefaultAbsent),
		"methods":             strings.Join(httpjson.Methods(), " "),
		"tls_versions":        strings.Join(httpjson.TLSVersions(), " "),
		"token_url":           httpjson.ExampleTokenURL,
		"login_url":           httpjson.ExampleLoginURL,
		"auth_styles":         strings.Join(names(httpjson.AuthStyles()), " "),
		"formats":             strings.Join(names(httpjson.Formats()), " "),
		"hints":               strings.Join(names(httpjson.Hints()), " "),
		"default_hints":       strings.Join(names(httpjson.DefaultHints()), ","),
	}
}

func names[T ~string](words []T) []string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return texts
}

// replays are the words for what a client gets of the documents that it missed.
func replays() []string {
	return []string{hub.ReplayAuto.String(), hub.ReplayAll.String(), hub.ReplayLatest.String()}
}

// Setting is what the tag of a field of [Config], [Stream] or a mapping in these declares. Flags, the
// environment, the reader of files, --help, docs/configuration.md and
// docs/pollux.schema.json all come from it.
type Setting struct {
	Key         string   // yaml:"KEY": in a file; "keys.KEY" for one of Keys, and so on
	FileKey     string   // yaml:"KEY,or=FILEKEY", or "oauth2.FILEKEY": names a file that has the value; "" for none
	Flag        string   // name:"FLAG", or the key with dashes; "" for none
	Variable    string   // variable:"NAME", or as the flag; "" for none
	Default     string   // default:"TEXT", as for a flag; "" for none
	Unset       string   // unset:"WORDS": what happens without a value, if there is no default
	Unit        string   // unit:"UNIT" of a number
	Choices     []string // choices:"A B": the valid values
	Is          string   // is:"KIND": another check, see checks
	Example     string   // example:"TEXT", or the default
	Placeholder string   // placeholder:"TEXT", for the value of a flag
	Help        string   // help:"SENTENCES"
	Of          string   // of:"request", of:"poll" or of:"push": only for streams that send requests, are polled, or are published to
	One         bool     // one:"yes": in a file, a list of one may be written without brackets
	With        string   // with:"KEY": another setting that must be set too
	Own         bool     // own:"yes": for one stream, not for defaults
	Reload      bool     // reload:"yes": a reload changes it; always true for a Stream
	Type        reflect.Type

	// Least and Most are range:"LEAST MOST": the bounds of numbers, of durations, in
	// nanoseconds, and of the number of entries of a list. Most is 0 without bounds.
	Least, Most int64

	index int // of the field
}

// declarations are the settings of one struct.
type declarations struct {
	prefix string // of each key, as it is told: "keys." in the mapping keys
	shown  string // before a key that is not known: "defaults." in the mapping defaults
	all    []*Setting
	keys   []string // including FileKeys
	by     map[string]*Setting
}

var (
	top      = declare(reflect.TypeFor[Config](), "")
	ofStream = declare(reflect.TypeFor[Stream](), "")
	ofKeys   = declare(reflect.TypeFor[Keys](), "keys.")
	ofOAuth2 = declare(reflect.TypeFor[OAuth2](), "oauth2.")
	ofLogin  = declare(reflect.TypeFor[Login](), "login.")
	ofTokens = declare(reflect.TypeFor[Tokens](), "tokens.")
)

// sections are the declarations of the mappings within a file, by their types.
var sections = map[reflect.Type]*declarations{
	reflect.TypeFor[Keys]():   &ofKeys,
	reflect.TypeFor[OAuth2](): &ofOAuth2,
	reflect.TypeFor[Login]():  &ofLogin,
	reflect.TypeFor[Tokens](): &ofTokens,
	reflect.TypeFor[Stream](): &ofDefaults,
}

// name returns a key as it is written in the mapping.
func (d *declarations) name(key string) string { return strings.TrimPrefix(key, d.prefix) }

// Settings returns the settings at the top of a file, in order.
func Settings() []*Setting { return slices.Clone(top.all) }

// StreamSettings returns the settings of a stream, in order.
func StreamSettings() []*Setting { return slices.Clone(ofStream.all) }

func declare(structure reflect.Type, prefix string) declarations {
	d := declarations{prefix: prefix, by: make(map[string]*Setting)}
	pairs := make([]string, 0, len(Constants()))
	for name, value := range Constants() {
		pairs = append(pairs, "${"+name+"}", value)
	}
	constants := strings.NewReplacer(pairs...)
	isTop := structure == reflect.TypeFor[Config]()
	ofStream := structure != reflect.TypeFor[Config]() && structure != reflect.TypeFor[Tokens]()
	for field := range structure.Fields() {
		s := newSetting(field, constants)
		s.Key = prefix + s.Key
		if s.FileKey != "" {
			s.FileKey = prefix + s.FileKey
		}
		s.Reload = s.Reload || ofStream
		if !isTop {
			s.Flag, s.Variable = "", ""
		}
		d.add(s)
	}
	return d
}

func (d *declarations) add(s *Setting) {
	d.all = append(d.all, s)
	for _, key := range []string{s.Key, s.FileKey} {
		if key != "" {
			d.keys = append(d.keys, key)
			d.by[key] = s
		}
	}
}

func newSetting(field reflect.StructField, constants *strings.Replacer) *Setting {
	tag := func(name string) string { return constants.Replace(field.Tag.Get(name)) }
	s := &Setting{
		Variable: tag("variable"), Default: tag("default"), Unset: tag("unset"), Unit: tag("unit"), Choices: strings.Fields(tag("choices")),
		Is: tag("is"), Example: tag("example"), Placeholder: tag("placeholder"), Help: tag("help"), Of: tag("of"), One: tag("one") == "yes", With: tag("with"), Own: tag("own") == "yes", Reload: tag("reload") == "yes",
		Type: field.Type, index: field.Index[0],
	}
	if s.Type.Kind() == reflect.Pointer {
		s.Type = s.Type.Elem()
	}
	s.Key, s.FileKey, _ = strings.Cut(field.Tag.Get("yaml"), ",or=")
	if field.Tag.Get("kong") != "-" {
		s.Flag = tag("name")
		if s.Flag == "" {
			s.Flag = strings.ReplaceAll(s.Key, "_", "-")
		}
		s.Variable = VariableOf(s.Flag)
	}
	if s.Example == "" {
		s.Example = s.Default
	}
	if s.Placeholder == "" {
		s.Placeholder = s.placeholder()
	}
	if least, most, bounded := strings.Cut(tag("range"), " "); bounded {
		s.Least, s.Most = bound(least), bound(most)
	}
	return s
}

// VariableOf returns the name of the environment variable for a flag.
func VariableOf(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func bound(text string) int64 {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic("config: a bound that is neither a number nor a duration: " + text) // each start reads every tag
	}
	return int64(d)
}

func (s *Setting) placeholder() string {
	switch {
	case len(s.Choices) > 0:
		return strings.Join(s.Choices, "|")
	case s.Type == reflect.TypeFor[time.Duration]():
		return "DURATION"
	case s.Unit != "":
		return "BYTES"
	default:
		return "N"
	}
}

// Usage returns the help for the flag.
func (s *Setting) Usage() string {
	help := s.Help
	if s.Unit != "" {
		help += " In " + s.Unit + "."
	}
	if otherwise := s.Otherwise(); otherwise != "" {
		help += " Default: " + otherwise + "."
	}
	return help
}

// setDefault sets a field to the default.
func (s *Setting) setDefault(field reflect.Value) error {
	texts := []string{s.Default}
	if s.IsList() {
		texts = strings.Split(s.Default, ",")
	}
	for _, text := range texts {
		if err := s.set(field, text); err != nil {
			return fmt.Errorf("config: the default of %s: %w", s.Key, err)
		}
	}
	return nil
}

// Otherwise returns the default, or words for what happens without a value.
func (s *Setting) Otherwise() string {
	if s.Default == "" {
		return s.Unset
	}
	return s.Default
}

// Secret reports whether the value is a secret.
func (s *Setting) Secret() bool { return s.Type == reflect.TypeFor[Secret]() }

// IsList reports whether the value is a list.
func (s *Setting) IsList() bool { return s.Type.Kind() == reflect.Slice }

// IsMap reports whether the value is a mapping with any names.
func (s *Setting) IsMap() bool { return s.Type.Kind() == reflect.Map }

// ValueError is an invalid value of a setting. Its text begins with "is".
type ValueError struct {
	Value string
	Err   error // which describes a valid value
}

func (e *ValueError) Error() string { return "is " + e.Value + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *ValueError) Unwrap() error { return e.Err }

// Decode sets a field, which has the declared type or is a pointer to it, to a text
// from the command line or the environment. It appends to a list. The error is a
// [*ValueError].
func (s *Setting) Decode(field reflect.Value, text string) error {
	texts := []string{text}
	if s.IsList() {
		texts = strings.Split(text, ",")
	}
	for _, text := range texts {
		if err := s.set(field, text); err != nil {
			return &ValueError{s.masked(text), err}
		}
	}
	return nil
}

// masked returns an invalid value as it can be shown: a URL without the parts that are often
// secret.
func (s *Setting) masked(text string) string {
	if s.Is == "follow" || s.Is == "nats" || s.Is == "url" || s.Is == "proxy" {
		return MaskURL(text)
	}
	return text
}

// Give sets the setting in c, which is not a list, to a text. The error describes a
// valid value, and does not quote the text.
func (s *Setting) Give(c *Config, text string) error { return s.set(s.of(c), text) }

// of returns the field of the setting in the structure that declares it.
func (s *Setting) of(structure any) reflect.Value {
	return reflect.ValueOf(structure).Elem().Field(s.index)
}

// set sets a field to a text, or appends one entry to a list.
func (s *Setting) set(field reflect.Value, text string) error {
	parsed, err := s.parse(text)
	if err != nil {
		return err
	}
	value := reflect.ValueOf(parsed)
	switch {
	case s.IsList():
		field.Set(reflect.Append(field, value))
	case field.Kind() == reflect.Pointer:
		field.Set(reflect.New(s.Type)) // a new pointer, because the old one may be shared
		field.Elem().Set(value)
	default:
		field.Set(value)
	}
	return nil
}

// parse parses a value, or one entry of a list. The error describes a valid value, and
// does not quote the text.
func (s *Setting) parse(text string) (any, error) {
	if len(s.Choices) > 0 && !slices.Contains(s.Choices, text) {
		last := len(s.Choices) - 1
		return nil, fmt.Errorf("want %s or %s", strings.Join(s.Choices[:last], ", "), s.Choices[last])
	}
	if check := checks[s.Is]; check != nil {
		if err := check(s, text); err != nil {
			return nil, err
		}
	}
	switch s.Type {
	case reflect.TypeFor[int]():
		return s.parseInteger(text)
	case reflect.TypeFor[time.Duration]():
		return s.parseDuration(text)
	case reflect.TypeFor[bool]():
		if text != "true" && text != "false" {
			return nil, errors.New("want true or false")
		}
		return text == "true", nil
	case reflect.TypeFor[Secret]():
		return NewSecret(text), nil
	case reflect.TypeFor[Rate]():
		return parseRate(text)
	case reflect.TypeFor[[]netip.Prefix]():
		return ParseNetwork(text)
	case reflect.TypeFor[[]int]():
		return strconv.Atoi(text)
	default:
		return text, nil
	}
}

func (s *Setting) parseInteger(text string) (int, error) {
	number, err := strconv.Atoi(text)
	decimal := err == nil && strconv.Itoa(number) == text
	if !decimal || int64(number) < s.Least || int64(number) > s.Most {
		return 0, fmt.Errorf("want a whole number from %d to %d", s.Least, s.Most)
	}
	return number, nil
}

func (s *Setting) parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("not a duration, want for example %s, 300ms or 1h30m", s.Example)
	}
	if s.Most != 0 && (int64(d) < s.Least || int64(d) > s.Most) {
		return 0, fmt.Errorf("want from %s to %s, for example %s", short(time.Duration(s.Least)), short(time.Duration(s.Most)), s.Example)
	}
	return d, nil
}

// isUnset reports whether a field has no value.
func isUnset(field reflect.Value) bool {
	if secret, ok := reflect.TypeAssert[Secret](field); ok {
		return !secret.IsSet()
	}
	return field.IsZero()
}

// short writes 24h for 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
