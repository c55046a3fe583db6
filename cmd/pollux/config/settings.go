package config

import (
	"net/netip"
	"time"
)

// DefaultListen is the default address. The linker sets another one for the container,
// where no client could reach 127.0.0.1:
// -ldflags "-X github.com/polluxhub/pollux/cmd/pollux/config.DefaultListen=:3000".
var DefaultListen = "127.0.0.1:3000"

// DefaultPublic is the default of public. The linker sets it to true for the container,
// whose port nobody reaches unless the operator publishes it.
var DefaultPublic = "false"

// Config has the settings of flags, the environment and the top of a file. A field that
// is nil, or a Secret that is not set, was not given.
//
// The tag of a field is the only declaration of its setting. [Setting] explains
// the keys of a tag. Package kong reads name, placeholder and help of the same tags,
// because the flags of serve are these fields; kong:"-" means that there is no flag.
type Config struct {
	Listen        []string `yaml:"listen" is:"listen" one:"yes" range:"1 16" default:"${listen}" placeholder:"ADDRESS" help:"Where to serve: HOST:PORT, or :PORT for all interfaces; unix:/PATH for a Unix socket; systemd for the sockets that systemd has passed, or systemd:NAME for those of one name. The flag may be repeated."`
	SocketMode    *string  `yaml:"socket_mode" is:"mode" default:"0660" example:"0600" placeholder:"MODE" help:"Mode of Unix sockets. A program that may write to one may connect."`
	ProxyProtocol *string  `yaml:"proxy_protocol" with:"trusted_proxies" choices:"on off" default:"off" help:"Whether connections from trusted_proxies begin with a header of the PROXY protocol, version 1 or 2, which has the address of the client. One without it is closed."`
	H2C           *string  `yaml:"h2c" name:"h2c" choices:"on off" default:"off" help:"Whether clients may use HTTP/2 without TLS, if they begin with it."`

	TLSCertFile   *string  `yaml:"tls_cert_file" is:"path" with:"tls_key_file" unset:"HTTP without TLS" example:"/etc/pollux/tls.crt" placeholder:"FILE" help:"PEM file with the certificate of listen and its chain. Clients then need HTTPS, with TLS 1.2 or above, and may use HTTP/2. The file is read again when it changes."`
	TLSKeyFile    *string  `yaml:"tls_key_file" is:"path" with:"tls_cert_file" unset:"HTTP without TLS" example:"/etc/pollux/tls.key" placeholder:"FILE" help:"PEM file with the private key of tls_cert_file."`
	HTTP2         *string  `yaml:"http2" name:"http2" choices:"${http2s}" default:"${http2}" help:"Which clients with TLS use HTTP/2: those that can (first), those that do not offer HTTP/1.1 (second), or none (off). Browsers offer both. A client on HTTP/1.1 costs far less memory and processor time, but a browser has at most six such connections to a host, and each EventSource takes one."`
	ACMEDomains   []string `yaml:"acme_domains" is:"domain" with:"acme_cache" range:"0 100" unset:"none" example:"live.example.com" placeholder:"NAME" help:"Names to get certificates for from an authority (ACME), and to renew, which accepts its terms. It connects to port 443 of each name, which has to lead to listen. Excludes tls_cert_file. The flag may be repeated."`
	ACMECache     *string  `yaml:"acme_cache" is:"path" with:"acme_domains" unset:"none" example:"/var/lib/pollux/acme" placeholder:"FOLDER" help:"Folder that keeps the account and the certificates of acme_domains. It is made if it does not exist."`
	ACMEEmail     *string  `yaml:"acme_email" with:"acme_domains" unset:"none" example:"ops@example.com" placeholder:"ADDRESS" help:"Address for notices of the authority."`
	ACMEDirectory *string  `yaml:"acme_directory" is:"url" default:"${acme_directory}" example:"https://acme.example.com/directory" placeholder:"URL" help:"Directory of the authority."`

	AdminListen *string `yaml:"admin_listen" is:"listen" unset:"none; /metrics is served at listen" example:"127.0.0.1:3001" placeholder:"ADDRESS" help:"Where operators reach /metrics, health, POST /-/reload, profiles (/debug/pprof/), the log level and the reasons of upstreams. An address that other machines can reach requires admin_token, and has the certificate of listen, if there is one."`
	AdminToken  Secret  `yaml:"admin_token,or=admin_token_file" kong:"-" variable:"POLLUX_ADMIN_TOKEN" is:"token" unset:"admin_listen asks for none" help:"Bearer token for admin_listen. /livez, /healthz and /readyz do not ask for it."`

	Public *bool   `yaml:"public" default:"${public}" help:"Let everybody who reaches the server read the streams whose access is public. Without it, Pollux serves such streams only at loopback addresses and Unix sockets, which may be those of systemd."`
	Access *string `yaml:"access" choices:"${accesses}" unset:"token if there are tokens, otherwise public" help:"Who can read the streams that do not say it themselves: everybody (public), or the bearer of a token that allows it (token)."`
	Tokens *Tokens `yaml:"tokens" kong:"-" unset:"nobody has a token" help:"Which tokens are valid: a mapping with the keys below."`

	Data     *string `yaml:"data" is:"path" unset:"events are in memory, and end with the process" example:"/var/lib/pollux/data" placeholder:"FOLDER" help:"Folder that keeps the events, so that clients resume over a restart. It is made if it does not exist. One process uses it at a time."`
	DataSync *string `yaml:"data_sync" with:"data" choices:"${syncs}" default:"${sync}" help:"When an event is on disk: before clients and publishers are told of it (always), or within a second (interval). With interval, a power cut may cost the events of that second, and a new epoch begins, so all clients get a reset. The end of the process alone costs nothing in either case."`

	NATS                []string `yaml:"nats" name:"nats" is:"nats" range:"0 16" unset:"events are in memory, or in data" example:"nats://nats.example.com:4222" placeholder:"URL" help:"NATS servers with JetStream that keep the events, so that several Pollux share them: streams, IDs and epoch are the same on each. One URL is enough, because each server tells the others; tls:// demands TLS. Excludes data and follow. The flag may be repeated."`
	NATSStream          *string  `yaml:"nats_stream" name:"nats-stream" is:"nats-stream" with:"nats" default:"${nats_stream}" placeholder:"NAME" help:"Name of the stream in JetStream, and the first part of its subjects. All Pollux with the same name there share their events. It is made if it does not exist."`
	NATSReplicas        *int     `yaml:"nats_replicas" name:"nats-replicas" range:"1 5" with:"nats" default:"${nats_replicas}" example:"3" help:"How many servers of the NATS cluster keep the events, if nats_stream is made. With 3, one of them may fail."`
	NATSCredentialsFile *string  `yaml:"nats_credentials_file" name:"nats-credentials-file" is:"path" with:"nats" unset:"none" example:"/etc/pollux/nats.creds" placeholder:"FILE" help:"File with the credentials of a NATS user, which has a JWT and a seed. It is read for each connection, like the other files for nats."`
	NATSUser            *string  `yaml:"nats_user" name:"nats-user" with:"nats_password_file" unset:"none" example:"pollux" placeholder:"NAME" help:"Name of a NATS user with a password."`
	NATSPasswordFile    *string  `yaml:"nats_password_file" name:"nats-password-file" is:"path" with:"nats_user" unset:"none" example:"/etc/pollux/nats.password" placeholder:"FILE" help:"File with the password of nats_user."`
	NATSTokenFile       *string  `yaml:"nats_token_file" name:"nats-token-file" is:"path" with:"nats" unset:"none" example:"/etc/pollux/nats.token" placeholder:"FILE" help:"File with the token that the NATS servers want, if they want one."`
	NATSCAFile          *string  `yaml:"nats_ca_file" name:"nats-ca-file" is:"path" with:"nats" unset:"those of the system" example:"/etc/pollux/ca.crt" placeholder:"FILE" help:"PEM file with the authorities whose certificates the NATS servers may have, instead of those of the system. With it, a connection without TLS is refused."`
	NATSCertFile        *string  `yaml:"nats_cert_file" name:"nats-cert-file" is:"path" with:"nats_key_file" unset:"none" example:"/etc/pollux/nats.crt" placeholder:"FILE" help:"PEM file with the certificate that the NATS servers are shown, if they want one."`
	NATSKeyFile         *string  `yaml:"nats_key_file" name:"nats-key-file" is:"path" with:"nats_cert_file" unset:"none" example:"/etc/pollux/nats.key" placeholder:"FILE" help:"PEM file with the private key of nats_cert_file."`
	Node                *string  `yaml:"node" is:"node" unset:"the name of the machine" example:"a" placeholder:"NAME" help:"Name of this process among those that share events, for operators."`

	ClusterListen     *string  `yaml:"cluster_listen" is:"cluster-listen" with:"cluster_routes" unset:"no cluster" example:"127.0.0.1:6222" placeholder:"ADDRESS" help:"Makes it a node of a cluster, whose nodes keep the events of data together, and says where the other nodes reach it: HOST:PORT, or :PORT for all interfaces. An address that other machines can reach requires cluster_secret_file or cluster_cert_file. See docs/cluster.md."`
	ClusterRoutes     []string `yaml:"cluster_routes" is:"route" with:"cluster_listen" range:"0 5" unset:"no cluster" example:"a:6222,b:6222,c:6222" placeholder:"ADDRESS" help:"HOST:PORT of each node of the cluster, 3 or 5 of them, this one included. All nodes have the same list. The flag may be repeated."`
	ClusterSecretFile *string  `yaml:"cluster_secret_file" is:"path" with:"cluster_listen" unset:"none" example:"/etc/pollux/cluster.secret" placeholder:"FILE" help:"File with the secret that all nodes of the cluster have, of at least ${min_secret} bytes, which have to be random. It is never sent: the nodes derive a certificate from it. Excludes cluster_cert_file."`
	ClusterCertFile   *string  `yaml:"cluster_cert_file" is:"path" with:"cluster_key_file" unset:"none" example:"/etc/pollux/node.crt" placeholder:"FILE" help:"PEM file with the certificate of this node, for both ends of a connection, with its host in cluster_routes as a name. It is read again for each connection."`
	ClusterKeyFile    *string  `yaml:"cluster_key_file" is:"path" with:"cluster_cert_file" unset:"none" example:"/etc/pollux/node.key" placeholder:"FILE" help:"PEM file with the private key of cluster_cert_file."`
	ClusterCAFile     *string  `yaml:"cluster_ca_file" is:"path" with:"cluster_cert_file" unset:"none" example:"/etc/pollux/nodes.crt" placeholder:"FILE" help:"PEM file with the authorities that make certificates of nodes, and of nobody else. It is read at the start."`

	Follow          []string `yaml:"follow" is:"follow" range:"0 16" unset:"not a leaf" example:"https://live.example.com" placeholder:"URL" help:"Makes it a leaf of another Pollux, which polls nothing and has the streams, documents and IDs of that one: its URL, or several of which one is read at a time, and another when it fails. Excludes streams. The flag may be repeated."`
	FollowTokenFile *string  `yaml:"follow_token_file" is:"path" with:"follow" unset:"none" example:"/etc/pollux/follow.token" placeholder:"FILE" help:"File with the bearer token for follow, if its streams need one. It is read for each request."`
	FollowCAFile    *string  `yaml:"follow_ca_file" is:"path" with:"follow" unset:"those of the system" example:"/etc/pollux/ca.crt" placeholder:"FILE" help:"PEM file with the authorities whose certificates follow may have, instead of those of the system."`

	History            *int           `yaml:"history" range:"1 10000000" default:"${history}" help:"Number of events of each stream that are kept for clients that resume."`
	HistoryBytes       *int           `yaml:"history_bytes" range:"1 1099511627776" unit:"bytes" default:"${history_bytes}" help:"Largest total size of the events that are kept for each stream."`
	HistoryTotalBytes  *int           `yaml:"history_total_bytes" range:"1 1099511627776" unit:"bytes" unset:"a quarter of the memory that the control group or GOMEMLIMIT allows, at most ${history_total_bytes}" help:"Largest total size of the events that are kept for all streams together. The newest event of each stream always stays."`
	Buffer             *int           `yaml:"buffer" range:"1 ${max_buffer}" default:"${buffer}" help:"Number of events that are buffered for each client."`
	MaxClients         *int           `yaml:"max_clients" range:"1 10000000" unset:"what the limit on descriptors allows" help:"Largest number of clients at once: open streams, and requests that wait at /api/latest."`
	MaxConnections     *int           `yaml:"max_connections" range:"1 10000000" unset:"a share of the descriptors" help:"Largest number of other connections that are open at once, such as idle ones."`
	MaxViews           *int           `yaml:"max_views" range:"1 10000" default:"${max_views}" help:"Largest number of different combinations of fields, mode and format that clients use at once. Those without fields do not count."`
	MaxViewsPerAddress *int           `yaml:"max_views_per_address" range:"1 10000" unset:"a quarter of max_views" help:"How many of them the clients of one address use at once. The addresses of one IPv6 network /64 count as one."`
	FormBytes          *int           `yaml:"form_bytes" range:"1 1099511627776" unit:"bytes" default:"${form_bytes}" help:"Largest size of the cache that clients share: compressed events, differences between documents, and parts of documents."`
	HeldBytes          *int           `yaml:"held_bytes" range:"1 1099511627776" unit:"bytes" unset:"an eighth of the memory that the control group or GOMEMLIMIT allows, at most ${held_bytes}" help:"Largest total size of what clients that read slowly hold in memory: what they are being sent, and the rest of their replays. At that size a client waits for its next portion."`
	MaxDocument        *int           `yaml:"max_document" range:"1 ${max_tree}" unit:"bytes" default:"${max_document}" help:"Largest size of one document."`
	Heartbeat          *time.Duration `yaml:"heartbeat" range:"10ms 24h" default:"${heartbeat}" help:"Time without events after which a client gets a heartbeat, give or take a fifth."`
	WriteTimeout       *time.Duration `yaml:"write_timeout" range:"10ms 24h" default:"${write_timeout}" help:"Time in which a client has to read what is pending, or at least this time multiplied by min_rate. A slower client is disconnected."`
	MinRate            *int           `yaml:"min_rate" range:"1 1073741824" unit:"bytes per second" default:"${min_rate}" help:"Lowest rate at which a client may read if it needs longer than the write timeout."`
	MaxAge             *time.Duration `yaml:"max_age" range:"10ms 168h" default:"${max_age}" help:"Longest time that a connection streams. The client then connects again and resumes."`
	Drain              *time.Duration `yaml:"drain" range:"0s 1h" default:"${drain}" help:"Time over which streams end at shutdown."`
	LameDuck           *time.Duration `yaml:"lame_duck" range:"0s 1h" default:"0s" help:"Time at shutdown in which clients are still served while /readyz answers 503, before streams end. It is for load balancers that need a moment to stop sending clients."`
	Ready              *string        `yaml:"ready" choices:"start documents" default:"start" help:"When /readyz answers 200: from the start, or once each polled stream has a document. Streams with keys, and those that are polled on demand, do not count."`
	AllowOrigins       []string       `yaml:"allow_origins" name:"allow-origin" is:"origin" range:"0 1000" unset:"none" placeholder:"ORIGIN" help:"Origins whose pages may read the API, such as https://example.com, or * for all. The flag may be repeated."`
	AllowCredentials   *bool          `yaml:"allow_credentials" with:"allow_origins" default:"false" help:"Let pages of allow_origins send the cookie of a login. Each origin must be in that list by itself."`
	Hosts              []string       `yaml:"hosts" name:"host" is:"hostname" range:"0 100" unset:"what the address to serve on demands" placeholder:"NAME" example:"live.example.com" help:"Names that the server answers for, without ports. At a loopback address, over TLS, and where this is set, a request whose Host is another name is refused with 421. A proxy on the same machine passes the public name. The flag may be repeated."`
	TrustedProxies     []netip.Prefix `yaml:"trusted_proxies" is:"network" range:"0 100" unset:"none" placeholder:"NETWORK" help:"Networks such as 10.0.0.0/8, or addresses, of proxies whose X-Forwarded-For or Forwarded is believed. The address of a client is the right-most one in that header that is not among them."`
	Compression        *string        `yaml:"compression" choices:"on off" default:"on" help:"Whether streams, the newest documents and assets are compressed for clients that accept gzip. Each is compressed once for all clients."`
	LogFormat          *string        `yaml:"log_format" choices:"text json" default:"text" help:"Format of the log on standard error."`
	LogLevel           *string        `yaml:"log_level" choices:"debug info warn error" default:"info" help:"Lowest level of the records that are logged."`
	OTLPEndpoint       *string        `yaml:"otlp_endpoint" name:"otlp-endpoint" is:"url" unset:"no traces" example:"http://localhost:4318" placeholder:"URL" help:"URL of an OpenTelemetry collector that takes OTLP over HTTP. Each poll is a trace, from the request to the publication."`
	PublishToken       Secret         `yaml:"publish_token,or=publish_token_file" kong:"-" variable:"POLLUX_PUBLISH_TOKEN" is:"token" unset:"nobody may publish" help:"Bearer token for POST /api/streams/NAME/events."`

	MaxClientsPerAddress *int `yaml:"max_clients_per_address" range:"1 10000000" unset:"no limit" help:"Largest number of clients of one address at once. The addresses of one IPv6 network /64 count as one. All clients behind a proxy that is not in trusted_proxies have its address, and so have all clients of many an office."`
	ConnectsPerSecond    *int `yaml:"connects_per_second" range:"1 1000000" unset:"no limit" help:"Number of requests for streams in a second that the clients of one address can send, with a right token or without, after a burst of ten seconds of that. Beyond it they are refused as overloaded."`
	PublishesPerSecond   *int `yaml:"publishes_per_second" range:"1 1000000" unset:"no limit" help:"Number of documents in a second that can be published with one token. Beyond it publishing gets 429."`

	NewKeysPerSecond *int `yaml:"new_keys_per_second" kong:"-" range:"1 1000000" default:"${new_keys}" help:"Number of keys in a second that the clients of one address can ask for first, after a burst of ten seconds of that. Beyond it they are refused as overloaded. The addresses of one IPv6 network /64 count as one."`

	Proxy Secret `yaml:"proxy" reload:"yes" is:"proxy" unset:"none; HTTP_PROXY and HTTPS_PROXY are ignored" example:"http://proxy.example.com:3128" placeholder:"URL" help:"Proxy for the requests to upstreams and for tokens.jwks: an absolute http or https URL, or none. A stream may have its own. A user and a password in it are safer in the variable or in the file, because command lines are public. A reload does not change the one for tokens.jwks."`

	DenyPrivate  *bool          `yaml:"deny_private" kong:"-" reload:"yes" default:"false" help:"Refuse to connect to private and loopback addresses that allow_private does not list. A stream may have its own value."`
	AllowPrivate []netip.Prefix `yaml:"allow_private" kong:"-" reload:"yes" is:"private-network" range:"0 100" unset:"none" example:"10.0.0.0/8" help:"Networks such as 10.0.0.0/8, or addresses, that deny_private does not refuse. Link-local addresses are always refused. A stream may have its own list."`

	Canary *time.Duration `yaml:"canary" kong:"-" reload:"yes" range:"100ms 1h" unset:"no such stream" example:"1s" help:"Interval of the stream _canary, which has an event in each interval even if all upstreams fail."`

	Shared *Stream `yaml:"defaults" kong:"-" reload:"yes" unset:"none" help:"Settings that all streams take unless they have their own: a mapping with keys of streams, without those that each stream has for itself and those that are at the top of the file. A list of a stream replaces the one here, headers are merged by name, and null in a stream means that it does not have the setting. A setting without an effect for a stream, such as one of requests for one that is published to, is not taken."` // Streams has them already

	Streams []Stream `yaml:"streams" kong:"-" reload:"yes" range:"0 10000" unset:"flags describe one stream" help:"What is streamed: a list of mappings with the keys below."`
}

// Or returns a copy of c in which each setting that c does not give has its value
// from other.
func (c *Config) Or(other *Config) Config {
	merged := *c
	for _, s := range top.all {
		if field := s.of(&merged); isUnset(field) {
			field.Set(s.of(other))
		}
	}
	return merged
}

// Defaults returns the settings that have a default, set to it.
func Defaults() *Config {
	c := new(Config)
	for _, s := range top.all {
		if s.Default == "" {
			continue
		}
		if err := s.setDefault(s.of(c)); err != nil {
			panic(err) // a test sets them all
		}
	}
	return c
}

// Differs returns the keys whose values differ in two files and that a reload cannot
// change, in the order of the declarations.
func (c *Config) Differs(other *Config) []string {
	keys := []string{}
	c, other = c.lasting(), other.lasting()
	for _, s := range top.all {
		if !s.Reload && fingerprint(s.of(c).Interface()) != fingerprint(s.of(other).Interface()) {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

// lasting returns a copy without what a reload changes within tokens.
func (c *Config) lasting() *Config {
	copied := *c
	if c.Tokens != nil {
		tokens := *c.Tokens
		tokens.Lines = Secret{}
		copied.Tokens = &tokens
	}
	return &copied
}
