package config

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Values of Stream.Poll.
const (
	Always   = "always"    // at any time
	OnDemand = "on-demand" // while a client listens, and Linger longer
)

// Values of Stream.Source.
const (
	Ask = "poll" // each document is asked for
	SSE = "sse"  // the upstream sends an event stream
)

// Stream is one entry of streams, with its defaults. Exactly one of URL, Push and
// Mock says where its documents come from. Tags are those of [Config]; a field whose
// tag has of:"request" is for streams with a URL, one with of:"poll" not for Push.
type Stream struct {
	Name string `yaml:"name" own:"yes" example:"prices" help:"Name of the stream: 1 to 64 letters, digits, '.', '_' and '-'. It must not begin with _, or be an event type: error, hb, merge, message, open, patch, reset, snapshot or status."`

	URL  Secret `yaml:"url" own:"yes" is:"template" example:"${url}" help:"Address to poll: an absolute http or https URL. With keys, {key} or {keys} stands for the key or keys in the path or in the query."`
	Push bool   `yaml:"push" own:"yes" default:"false" help:"Do not poll: stream only what is published."`
	Mock bool   `yaml:"mock" own:"yes" default:"false" help:"Stream random values, to try things out."`

	Source string   `yaml:"source" of:"request" choices:"poll sse" default:"poll" help:"How documents come from url: they are asked for (poll), or the response is an event stream (text/event-stream) whose data they are (sse). One connection then serves all clients. It is opened again when it ends, with the ID of the last event, and when nothing has come for three times every."`
	Events []string `yaml:"events" of:"request" is:"event" range:"1 100" unset:"events without a name" example:"price" help:"Names of the events whose data are documents. The name message stands for events without a name. The events of a Pollux that are not documents, such as status, are understood and cannot be listed. Only with source: sse."`

	AtMost Rate `yaml:"at_most" of:"push" unset:"every document is streamed" example:"4/s" help:"Largest number of documents in a second or in a minute, of each key if there are keys. If more are published, the newest one replaces those that wait, and always arrives."`

	Access string `yaml:"access" choices:"${accesses}" unset:"the value at the top of the file" help:"Who can read the stream: everybody (public), or the bearer of a token that allows it (token)."`

	Keys *Keys `yaml:"keys" own:"yes" unset:"one stream with the name" help:"Makes a stream for each key, with the name NAME/KEY, which exists while a client listens to it. Not with mock."`

	Method      string            `yaml:"method" of:"request" choices:"${methods}" default:"GET" help:"Method of the request."`
	Body        Secret            `yaml:"body,or=body_file" of:"request" unset:"no body" help:"Body of the request, sent unchanged. Only with method: POST. Set the header Content-Type as well unless the body is JSON."`
	Headers     map[string]Secret `yaml:"headers,or=header_files" of:"request" range:"0 100" unset:"none" help:"Headers to send, by name. White space around a value from a file is removed, and the file is read again when it changes, and after a 401 or 403."` // by canonical name; without that of BearerToken
	BearerToken Secret            `yaml:"bearer_token,or=bearer_token_file" of:"request" is:"token" unset:"none" help:"Token that is sent as Authorization: Bearer. Not together with that header. The file is read again when it changes, and after a 401 or 403."`
	OAuth2      *OAuth2           `yaml:"oauth2" of:"request" unset:"no token is fetched" help:"How to get a token by OAuth2 client credentials (RFC 6749 section 4.4), which is sent as Authorization: Bearer: a mapping with the keys below. It is fetched before the first request, again before it ends, and once at a 401, after which the request is sent again. Streams with the same settings share it. Not together with bearer_token or the header Authorization."`
	Cookies     bool              `yaml:"cookies" of:"request" default:"false" help:"Keep the cookies that responses set, and send them to the hosts that they are for, over redirects too. They are in memory, and for this stream alone: at most 50 of 4 KiB, and of 16 KiB together. By default there are none, so that no response depends on the ones before. With login, cookies are kept in any case."`
	Login       *Login            `yaml:"login" of:"request" unset:"no login" help:"A request that is sent before the first poll, and whose cookies the polls send: a mapping with the keys below. It is sent again when the upstream answers 401 or 403, or redirects to an HTML page or to a host that redirect_hosts does not name: once for a poll, and not within 10 s of the last login, or 1 s if a document has come since. The poll is then repeated. Not together with oauth2."`
	UserAgent   string            `yaml:"user_agent" of:"request" is:"contact" unset:"nothing is added" example:"ops@example.com" help:"Contact that is added to the header User-Agent, so that the upstream knows whom to ask: pollux/VERSION (+https://github.com/polluxhub/pollux; CONTACT). The header itself can be set in headers."`
	MaxDocument *int              `yaml:"max_document" of:"request" range:"1 ${max_tree}" unit:"bytes" unset:"the value at the top of the file" help:"Largest size of one document."`

	// Conditional says whether requests are conditional, by the validators of the last
	// answer (RFC 9110 section 13). Revalidate is the time after which one of them is
	// unconditional nevertheless; 0 without Conditional.
	Conditional bool          `yaml:"conditional" of:"request" default:"true" help:"Ask only for changes (If-None-Match, If-Modified-Since). False is for an upstream that answers 304 although its document has changed. Not with method: POST."`
	Revalidate  time.Duration `yaml:"revalidate" of:"request" range:"1s 168h" default:"${revalidate}" help:"Time after which a request is unconditional again, but not before the 100th poll since the last such request. Not with conditional: false or method: POST."`

	Every   time.Duration `yaml:"every" of:"poll" range:"10ms 24h" default:"${every}" help:"Interval between polls. With source: sse, 15s by default: an upstream that has sent nothing for three times as long, not even a comment, counts as stale."`
	Timeout time.Duration `yaml:"timeout" of:"poll" unset:"four fifths of the interval, at most ${timeout}" example:"4s" help:"How long one poll may take, or with source: sse, until the response begins. Less than every."`
	Poll    string        `yaml:"poll" of:"poll" choices:"always on-demand" default:"always" help:"Whether to poll always, or only while a client listens."`
	Linger  time.Duration `yaml:"linger" of:"poll" range:"1s 24h" default:"${linger}" help:"How long polling continues after the last client has left. Only with poll: on-demand or keys."` // else 0

	MaxWait time.Duration `yaml:"max_wait" of:"request" range:"1s 168h" default:"${max_wait}" help:"Longest time for which the response headers of the upstream can put off the next poll. A longer wish counts as this."`

	TTL string `yaml:"ttl" of:"request" is:"pointer" unset:"the response says nothing of it" example:"/ttl" help:"JSON Pointer to the number of seconds for which a response says that it holds, as in GBFS. The next poll then comes after that time, but not before every, and at the latest after max_wait. The pointer is for the whole response, before select. Not with keys or source: sse."`

	Respect []string `yaml:"respect" of:"request" choices:"${hints}" range:"0 100" default:"${default_hints}" help:"Response headers that may lengthen the interval between polls. Retry-After and X-RateLimit-Retry-After always may, with a status from 400 on."`

	AcceptStatus []int  `yaml:"accept_status" of:"request" is:"status" range:"0 100" unset:"none" example:"503" help:"Statuses besides 200 and 203 whose body is a document too: for example 503 for a health endpoint that says in its document what is wrong."`
	Success      string `yaml:"success" of:"poll" is:"program" unset:"each document is a success" example:".errors == null" help:"A jq program that says whether an answer is a success: it returns false or null if not. It is for upstreams that send their errors with status 200. Clients keep the last good document then, and the stream fails with the class refused. The program sees the whole answer, before split and select."`

	Format      string `yaml:"format" of:"request" choices:"${formats}" default:"json" help:"What responses are: json, text that becomes one string, csv with a header line (fields separated by commas, semicolons or tabs) that becomes an array of objects whose values are strings, or ndjson, JSON in each line, which becomes an array. The result is what success, split and select see."`
	Charset     string `yaml:"charset" of:"request" is:"charset" unset:"UTF-8, or what Content-Type says of a response that is not UTF-8" example:"iso-8859-1" help:"Character encoding of responses, by its name in the WHATWG Encoding Standard."`
	StripPrefix string `yaml:"strip_prefix" of:"request" is:"prefix" unset:"nothing" example:")]}'" help:"Text that is removed from responses that begin with it."`

	Select string   `yaml:"select" of:"poll" is:"program" unset:"the response as it is" example:"[.items[] | {id, state}]" help:"A jq program whose result is streamed instead of the response."`
	Ignore []string `yaml:"ignore" of:"poll" is:"pointer" range:"0 ${max_ignore}" unset:"none" example:"/meta/generatedAt" help:"JSON Pointers (RFC 6901) to parts whose changes do not count. In them * stands for each member or element, as in /items/*/time."`
	Key    string   `yaml:"key" is:"pointer" unset:"elements are compared by position" example:"/id" help:"JSON Pointer to the member that identifies the elements of arrays in deltas."`

	Template Secret `yaml:"template,or=template_file" is:"markup" unset:"there is no HTML of the stream" example:"<b>{{.price}}</b>" help:"A template of Go's html/template, whose dot is the document. Clients with format=html get its result. Values are escaped, and a document is rendered once for all clients."`

	RedirectHosts []string `yaml:"redirect_hosts" of:"request" is:"host" range:"0 100" unset:"none" example:"cdn.example.com" help:"Other hosts to which redirects may lead, each HOST or HOST:PORT. Configured headers are not sent there."` // in lower case
	Proxy         Secret   `yaml:"proxy" of:"request" is:"proxy" unset:"the value at the top of the file" example:"http://proxy.example.com:3128" help:"Proxy for the requests: an absolute http or https URL, or none."`

	CAFile             string `yaml:"ca_file" of:"request" is:"path" unset:"those of the system" example:"/etc/pollux/upstream-ca.crt" help:"PEM file with the authorities that the certificate of the upstream may be from, instead of those of the system. The file is read again when it changes."`
	CertFile           string `yaml:"cert_file" of:"request" is:"path" unset:"none" example:"/etc/pollux/upstream.crt" help:"PEM file with the certificate that the upstream is shown, and its chain. Only with key_file. The files are read again when they change."`
	KeyFile            string `yaml:"key_file" of:"request" is:"path" unset:"none" example:"/etc/pollux/upstream.key" help:"PEM file with the key of cert_file."`
	ServerName         string `yaml:"server_name" of:"request" is:"server" unset:"the host in url" example:"api.example.com" help:"Name that the certificate of the upstream has to be for."`
	MinVersion         string `yaml:"min_version" of:"request" choices:"${tls_versions}" default:"1.2" help:"Lowest version of TLS that the upstream may use."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" of:"request" default:"false" help:"Accept any certificate of the upstream. An attacker on the network can then read and change everything. A warning in the log says so at each start."`

	Traceparent  bool           `yaml:"traceparent" of:"request" default:"false" help:"Send the header traceparent with each request, so that the upstream can continue the trace. Without otlp_endpoint it has no effect."`
	DenyPrivate  bool           `yaml:"deny_private" of:"request" unset:"the value at the top of the file" help:"Refuse to connect to private and loopback addresses that allow_private does not list."`
	AllowPrivate []netip.Prefix `yaml:"allow_private" of:"request" is:"private-network" range:"0 100" unset:"the value at the top of the file" example:"10.0.0.0/8" help:"Networks such as 10.0.0.0/8, or addresses, that deny_private does not refuse. Link-local addresses are always refused."`

	History      *int `yaml:"history" range:"1 10000000" unset:"the value at the top of the file; at most ${key_history} of each key that is polled" help:"Number of events of this stream, or of each of its keys, that are kept for clients that resume."`
	HistoryBytes *int `yaml:"history_bytes" range:"1 1099511627776" unit:"bytes" unset:"the value at the top of the file; at most ${key_history_bytes} of each key that is polled" help:"Largest total size of the events that are kept for this stream, or for each of its keys."`

	Replay       string `yaml:"replay" choices:"${replays}" unset:"auto for a stream that is polled, all for one that is published to" help:"What a client that resumes or is slow gets of the documents that it missed: all of them as long as they are kept, the newest one (latest), or all if they are few and otherwise the newest one (auto)."`
	ReplayEvents int    `yaml:"replay_events" range:"1 10000" default:"${replay_events}" help:"Largest number of missed documents that are all sent. Only with replay: auto."`
	ReplayBytes  int    `yaml:"replay_bytes" range:"1 1073741824" unit:"bytes" default:"${replay_bytes}" help:"Largest total size of missed documents that are all sent. Only with replay: auto."`

	PublishToken Secret `yaml:"publish_token,or=publish_token_file" of:"push" is:"token" unset:"the value at the top of the file" help:"Bearer token for POST /api/streams/NAME/events, and for its keys. The one at the top of the file is not valid for this stream then."`

	PollToken  Secret `yaml:"poll_token,or=poll_token_file" of:"poll" is:"token" unset:"nobody may poll by token" help:"Bearer token for POST /api/streams/NAME/poll, which polls now."`
	PollSecret Secret `yaml:"poll_secret,or=poll_secret_file" of:"poll" unset:"nobody may poll by signature" help:"Secret with which POST /api/streams/NAME/poll is signed, as GitHub signs webhooks: X-Hub-Signature-256."`
}

// Header returns a copy of the headers to send, with Authorization if there is a bearer
// token. The secrets in it are readable.
func (s *Stream) Header() http.Header {
	header := headerOf(s.Headers)
	if s.BearerToken.IsSet() {
		header.Set(authorization, bearerPrefix+s.BearerToken.Reveal())
	}
	return header
}

func headerOf(values map[string]Secret) http.Header {
	header := make(http.Header)
	for name, value := range values {
		header.Set(name, value.Reveal())
	}
	return header
}

const bearerPrefix = "Bearer " // RFC 6750 section 2.1

// Upstream returns the scheme and host of the URL, for logs; "" without a URL.
func (s *Stream) Upstream() string {
	u, err := url.Parse(s.URL.Reveal())
	if err != nil || !s.URL.IsSet() {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Revision returns a hash (SHA-256, hexadecimal) of all settings of the stream but those
// about what is kept of it and what is sent again, including defaults, secrets and
// inherited values. Streams with equal revisions are polled alike. It must not be
// published, because a short secret could be guessed from it.
func (s *Stream) Revision() string {
	asked := *s
	asked.History, asked.HistoryBytes = nil, nil
	asked.Access, asked.PublishToken, asked.Template = "", Secret{}, Secret{}
	asked.Replay, asked.ReplayEvents, asked.ReplayBytes = "", 0, 0
	if s.Keys != nil {
		asked.Linger = 0
		asked.Keys = &Keys{Batch: s.Keys.Batch, Split: s.Keys.Split, Parallel: s.Keys.Parallel, Absent: s.Keys.Absent}
	}
	return fingerprint(asked)
}

// Fingerprint returns a hash like Revision, of all settings of the stream.
func (s *Stream) Fingerprint() string { return fingerprint(*s) }
