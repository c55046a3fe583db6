package config

import (
	"cmp"
	"io/fs"
	"strconv"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// KeyOptions returns which keys the stream has. It is for a stream with keys.
func (s *Stream) KeyOptions() (*hub.KeyOptions, error) {
	match, err := hub.NewKeyPattern(s.Keys.Match)
	return &hub.KeyOptions{Match: match, Max: s.Keys.Max, Idle: cmp.Or(s.Keys.Idle, s.Linger), IdleBytes: s.Keys.IdleBytes}, err
}

// RequestOptions returns what the settings of the stream say about its requests.
func (s *Stream) RequestOptions() httpjson.Options {
	var respect []httpjson.Hint // nil: the default
	if s.Respect != nil {
		respect = make([]httpjson.Hint, 0, len(s.Respect))
	}
	for _, name := range s.Respect {
		respect = append(respect, httpjson.Hint(name))
	}
	version, _ := httpjson.ParseTLSVersion(s.MinVersion) // one of its words, or none
	return httpjson.Options{
		TLS: httpjson.TLS{
			CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile,
			ServerName: s.ServerName, MinVersion: version, InsecureSkipVerify: s.InsecureSkipVerify,
		},
		URL:           s.URL.Reveal(),
		Method:        s.Method,
		Body:          []byte(s.Body.Reveal()),
		Header:        s.Header(),
		HeaderFiles:   s.HeaderFiles(),
		OAuth2:        s.OAuth2.options(),
		Cookies:       s.Cookies,
		Login:         s.Login.options(),
		RedirectHosts: s.RedirectHosts,
		Respect:       respect,
		AcceptStatus:  s.AcceptStatus,
		Format:        httpjson.Format(s.Format),
		Charset:       s.Charset,
		StripPrefix:   s.StripPrefix,
		Proxy:         s.Proxy.Reveal(),
		DenyPrivate:   s.DenyPrivate,
		AllowPrivate:  s.AllowPrivate,
	}
}

// HeaderFiles returns the headers to send whose values come from files.
func (s *Stream) HeaderFiles() map[string]httpjson.HeaderFile {
	files := headerFilesOf(s.Headers)
	if file := s.BearerToken.File(); file != "" {
		files[authorization] = httpjson.HeaderFile{Path: file, Prefix: bearerPrefix}
	}
	return files
}

func headerFilesOf(values map[string]Secret) map[string]httpjson.HeaderFile {
	files := make(map[string]httpjson.HeaderFile)
	for name, value := range values {
		if file := value.File(); file != "" {
			files[name] = httpjson.HeaderFile{Path: file}
		}
	}
	return files
}

// UpstreamConnections returns how many connections the streams have to upstreams at a
// time.
func (c *Config) UpstreamConnections() int {
	n := 0
	for _, s := range c.Streams {
		switch {
		case s.Push, s.Mock:
		case s.Keys != nil:
			n += s.Keys.Parallel
		default:
			n++
		}
	}
	return n
}

// KeySetOptions returns what the settings say about fetching the key set of an issuer from
// its URL: as upstreams are asked, and with the authorities of tokens.jwks_ca_file.
func (c *Config) KeySetOptions() httpjson.Options {
	o := httpjson.Options{Proxy: proxyOf(c.Proxy).Reveal(), AllowPrivate: c.AllowPrivate}
	if c.DenyPrivate != nil {
		o.DenyPrivate = *c.DenyPrivate
	}
	if c.Tokens != nil {
		o.URL, o.TLS.CAFile = c.Tokens.JWKS, c.Tokens.JWKSCAFile
	}
	return o
}

// Mode returns the mode of Unix sockets.
func (c *Config) Mode() fs.FileMode {
	mode, _ := strconv.ParseUint(*c.SocketMode, 8, 32) // it was checked
	return fs.FileMode(mode)
}
