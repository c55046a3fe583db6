package config

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/internal/endpoint"
)

// Flags are what the command line and the environment can say of a program that
// serves. Package kong fills them, and Complete adds what the file and defaults give.
type Flags struct {
	File string `name:"config" placeholder:"FILE" help:"File with many streams and all settings; see docs/configuration.md. It is read again at SIGHUP."`

	URL     string   `placeholder:"URL" help:"API to poll. Default: a mock with random values."`
	Header  []string `sep:"none" placeholder:"'NAME: VALUE'" help:"Header to send to the API. The flag may be repeated; the variable has one header on each line."`
	Every   *time.Duration
	Timeout *time.Duration
	Push    bool

	Config // declares its flags itself

	given  map[string]bool     // flags that the command line or the environment has set
	getenv func(string) string // nil: judged apart from where it runs
	judge  func(s *Stream, maxDocument int) error
	proxy  Secret  // that flag or variable give, which wins over the file
	file   *Config // what File names; nil without
}

// Complete adds the settings that are not flags: variables without a flag, the file, and
// defaults. Flags and the environment win over the file. given names the flags that
// either of the two has set. judge returns the mistakes of a stream that this package
// cannot find.
func (f *Flags) Complete(env *Environment, given map[string]bool, judge func(s *Stream, maxDocument int) error) error {
	f.given, f.judge, f.proxy = given, judge, f.Proxy
	if !env.apart {
		f.getenv = env.Get
	}
	for _, s := range Settings() {
		if text := env.Get(s.Variable); s.Flag == "" && text != "" {
			if err := s.Give(&f.Config, text); err != nil {
				return fmt.Errorf("%s: %w", s.Variable, err)
			}
		}
	}
	if f.File != "" {
		if err := f.readFile(); err != nil {
			return err
		}
	} else if len(f.Follow) == 0 {
		stream, err := f.flagStream()
		if err != nil {
			return err
		}
		f.Streams = []Stream{stream}
	}
	if err := f.judgeLeaf(); err != nil {
		return err
	}
	if err := f.judgeNATS(); err != nil {
		return err
	}
	if err := f.judgePairs(); err != nil { // before defaults, which nobody has set
		return err
	}
	if err := f.judgeCluster(); err != nil {
		return err
	}
	f.Config = f.Or(Defaults())
	if f.TLSCertFile != nil && len(f.ACMEDomains) > 0 {
		return fmt.Errorf("%s and %s exclude each other: a certificate comes from one of them", f.Where("tls-cert-file"), f.Where("acme-domains"))
	}
	if f.Access != nil && *f.Access == string(pollux.AccessToken) && f.Tokens == nil {
		return fmt.Errorf("%s %s", f.Where("access"), withoutTokens)
	}
	if f.sendCredentials() && slices.Contains(f.AllowOrigins, "*") {
		return fmt.Errorf("%s %s", f.Where("allow-credentials"), credentialsForAll)
	}
	if admin := f.AdminAddress(); admin != "" {
		if at, err := endpoint.Parse(admin); err == nil && at.Network != endpoint.Systemd && !at.IsLocal() && !f.AdminToken.IsSet() && !env.apart {
			return f.AdminIsOpen()
		}
		for _, listen := range f.Listen {
			if err := CheckBoth(listen, admin); err != nil {
				return FlagError("admin-listen", admin, "%v", err)
			}
		}
	}
	if env.apart { // the files may exist where the program runs
		f.TLSCertFile, f.TLSKeyFile, f.AdminListen, f.ClusterListen = nil, nil, nil, nil
	}
	return nil
}

// AdminIsOpen is the error for an address for operators that other machines can reach,
// without a token.
func (f *Flags) AdminIsOpen() error {
	return fmt.Errorf("%s is %s, which other machines can reach: want admin_token_file (POLLUX_ADMIN_TOKEN) as well, or a loopback address such as 127.0.0.1:3001", f.Where("admin-listen"), f.AdminAddress())
}

// judgeLeaf checks that a leaf has no streams of its own.
func (f *Flags) judgeLeaf() error {
	if len(f.Follow) == 0 {
		return nil
	}
	const why = "a leaf has the streams of its origin"
	for _, flag := range sourceFlags {
		if f.given[flag] {
			return fmt.Errorf("--%s (%s) and %s exclude each other: %s", flag, VariableOf(flag), f.Where("follow"), why)
		}
	}
	if f.Data != nil {
		return fmt.Errorf("%s and %s exclude each other: a leaf has the events of its origin", f.Where("data"), f.Where("follow"))
	}
	if len(f.Streams) > 0 || f.Canary != nil {
		return fmt.Errorf("%s, and streams or canary of %s, exclude each other: %s", f.Where("follow"), f.File, why)
	}
	return nil
}

// judgeNATS checks that the events are kept in one place, and that one secret opens it.
func (f *Flags) judgeNATS() error {
	if len(f.NATS) == 0 {
		return nil
	}
	for _, other := range []struct {
		flag string
		set  bool
		why  string
	}{
		{"data", f.Data != nil, "events are kept in one place"},
		{"follow", len(f.Follow) > 0, "a leaf has the events of its origin"},
	} {
		if other.set {
			return fmt.Errorf("%s and %s exclude each other: %s", f.Where("nats"), f.Where(other.flag), other.why)
		}
	}
	given := ""
	for _, one := range []struct {
		flag string
		set  bool
	}{{"nats-credentials-file", f.NATSCredentialsFile != nil}, {"nats-password-file", f.NATSPasswordFile != nil}, {"nats-token-file", f.NATSTokenFile != nil}} {
		if one.set && given != "" {
			return fmt.Errorf("%s and %s exclude each other: NATS asks for one of them", f.Where(given), f.Where(one.flag))
		}
		if one.set {
			given = one.flag
		}
	}
	return nil
}

// sourceFlags are the flags that describe the one stream without a file.
var sourceFlags = []string{"url", "header", "push", "every", "timeout"}

// judgePairs checks that no setting lacks the other one that it needs.
func (f *Flags) judgePairs() error {
	defaults := Defaults()
	isOn := func(s *Setting) bool {
		field := s.of(&f.Config)
		return !isUnset(field) && !reflect.DeepEqual(field.Interface(), s.of(defaults).Interface())
	}
	for _, s := range top.all {
		if s.With != "" && isOn(s) && !isOn(top.by[s.With]) {
			return fmt.Errorf("%s is set, and %s is not: want both", f.Where(s.Flag), s.With)
		}
	}
	return nil
}

func (f *Flags) readFile() error {
	for _, flag := range sourceFlags {
		if f.given[flag] {
			return fmt.Errorf("--%s (%s) and --config exclude each other: the file says what to stream", flag, VariableOf(flag))
		}
	}
	file, err := f.Load()
	if err != nil {
		return err
	}
	f.file = file
	f.Config = f.Or(file)
	return nil
}

// Load reads the file, and judges it as a start does.
func (f *Flags) Load() (*Config, error) {
	maxDocument := *f.Or(Defaults()).MaxDocument
	return Load(f.File, Options{
		Getenv:       f.getenv,
		Judge:        func(s *Stream) error { return f.judge(s, maxDocument) },
		Proxy:        f.proxy,
		NeedsStreams: len(f.Follow) == 0,
	})
}

// Where names the source of a setting that a file may have: the file if the value is
// from there, else flag and variable.
func (f *Flags) Where(flag string) string {
	for _, s := range top.all {
		if s.Flag == flag && f.file != nil && !f.given[flag] && !isUnset(s.of(f.file)) {
			return f.File + ": " + s.Key
		}
	}
	return fmt.Sprintf("--%s (%s)", flag, VariableOf(flag))
}

// AdminAddress returns the address for administration, "" if none is set.
func (f *Flags) AdminAddress() string {
	if f.AdminListen == nil {
		return ""
	}
	return *f.AdminListen
}

// NeedsRestart returns the keys of file that are not as they were at the start and cannot
// be changed while the program runs.
func (f *Flags) NeedsRestart(file *Config) []string { return f.file.Differs(file) }
