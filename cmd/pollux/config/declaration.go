package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
