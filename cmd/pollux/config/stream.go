package config

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/polluxhub/pollux/poller/httpjson"
)

// Values of a Stream's fields.
const (
	Always   = "always"    // Poll: whether somebody listens or not
	OnDemand = "on-demand" // Poll: while somebody listens, and Linger longer
)

var (
	methods  = []string{http.MethodGet, http.MethodPost}
	polls    = []string{Always, OnDemand}
	respects = names(httpjson.Hints())
)

// defaultRespect is what of respects counts unless it is configured.
var defaultRespect = names(httpjson.DefaultHints())

func names(hints []httpjson.Hint) []string {
	texts := make([]string, len(hints))
	for i, hint := range hints {
		texts[i] = string(hint)
	}
	return texts
}

// Stream is one entry of streams, with its defaults. Exactly one of URL, Push and
// Mock says where its documents come from.
type Stream struct {
	Name string `yaml:"name"`

	URL  Secret `yaml:"url"`  // absolute, http or https
	Push bool   `yaml:"push"` // nothing is polled, only published to
	Mock bool   `yaml:"mock"` // random values

	// What is asked. Only with URL.
	Method      string            `yaml:"method"` // GET or POST
	Body        Secret            `yaml:"body,or=body_file"`
	Headers     map[string]Secret `yaml:"headers,or=header_files"` // by canonical name; without that of BearerToken
	BearerToken Secret            `yaml:"bearer_token,or=bearer_token_file"`
	MaxDocument *int              `yaml:"max_document"` // bytes; nil means that of the Config

	// Whether the upstream is asked only for what has changed, by the validators of
	// its last answer (RFC 9110 section 13), and after how long it is asked for all of it
	// nevertheless; 0 where it always is.
	Conditional bool          `yaml:"conditional"`
	Revalidate  time.Duration `yaml:"revalidate"`

	// How often. Not with Push.
	Every   time.Duration `yaml:"every"`
	Timeout time.Duration `yaml:"timeout"` // less than Every; four fifths of it and at most 10 s unless configured
	Poll    string        `yaml:"poll"`    // Always or OnDemand
	Linger  time.Duration `yaml:"linger"`  // for OnDemand; else 0

	// Respect lists the headers of responses that set a floor to the interval:
	// those of httpjson.Hints, in any order.
	Respect []string `yaml:"respect"`

	// What becomes an event.
	Select string   `yaml:"select"` // a jq program that compiles; "" for none
	Ignore []string `yaml:"ignore"` // JSON Pointers (RFC 6901)
	Key    string   `yaml:"key"`    // JSON Pointer; "" for none

	// Where requests may lead.
	RedirectHosts []string       `yaml:"redirect_hosts"` // HOST or HOST:PORT, in lower case
	Proxy         Secret         `yaml:"proxy"`          // http or https URL
	DenyPrivate   bool           `yaml:"deny_private"`   // of the Config unless set here
	AllowPrivate  []netip.Prefix `yaml:"allow_private"`  // of the Config unless set here

	// How much is kept for clients that resume, in events and in bytes; nil means
	// that of the Config.
	History      *int `yaml:"history"`
	HistoryBytes *int `yaml:"history_bytes"`

	// Who may ask for a poll now.
	PollToken  Secret `yaml:"poll_token,or=poll_token_file"`
	PollSecret Secret `yaml:"poll_secret,or=poll_secret_file"`
}

// Header returns the headers to send, with Authorization if there is a bearer
// token. They are secrets in the clear, and the caller's own.
func (s *Stream) Header() http.Header {
	header := make(http.Header)
	for name, value := range s.Headers {
		header.Set(name, value.Reveal())
	}
	if s.BearerToken.IsSet() {
		header.Set("Authorization", "Bearer "+s.BearerToken.Reveal())
	}
	return header
}

// Upstream returns scheme and host of the URL, which are no secret, for logs; ""
// without a URL.
func (s *Stream) Upstream() string {
	u, err := url.Parse(s.URL.Reveal())
	if err != nil || !s.URL.IsSet() {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Revision returns a hash (SHA-256, hexadecimal) of how the stream is asked,
// defaults, secrets and what it inherits included: everything but how much is kept
// of it. Streams of equal revisions are asked alike. It is not for publication: who
// knows all but a short secret could guess that.
func (s *Stream) Revision() string {
	asked := *s
	asked.History, asked.HistoryBytes = nil, nil
	return fingerprint(asked)
}

// Fingerprint returns a hash like Revision, of everything that is configured of the
// stream.
func (s *Stream) Fingerprint() string { return fingerprint(*s) }
