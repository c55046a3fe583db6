package config

import (
	"net/http"

	"github.com/polluxhub/pollux/poller/httpjson"
)

// Login is the mapping login of a [Stream]. Tags are those of [Config].
type Login struct {
	URL     Secret            `yaml:"url" is:"endpoint" example:"${login_url}" help:"Address of the login: an absolute http or https URL. It is reached as url is: with the same proxy, TLS settings and refused addresses, but without server_name if its host is another one. Redirects are followed as those of url are. Required."`
	Method  string            `yaml:"method" choices:"${methods}" default:"POST" help:"Method of the request."`
	Body    Secret            `yaml:"body,or=body_file" unset:"no body" help:"Body of the request, sent unchanged. Not with method: GET. Set the header Content-Type as well unless the body is JSON. A file is read again for each login."`
	Headers map[string]Secret `yaml:"headers,or=header_files" range:"0 100" unset:"none" help:"Headers to send with the login, by name. Those of the stream are not sent with it."` // by canonical name
}

// login reads login. It returns nil without it, or if it is not a mapping.
func (t *table) login() *Login {
	in := t.section("login", &ofLogin)
	if in == nil {
		return nil
	}
	if cookies := t.boolean("cookies"); cookies != nil && !*cookies {
		t.refuse("is false, and there is a login, whose cookies have to be kept", "cookies")
	}
	if t.has("oauth2") {
		t.add(t.at.line, t.at.column, "a stream with oauth2 and login, want one of them")
	}
	if method, ok := in.choice("login.method"); ok && method == http.MethodGet {
		in.refuse("has no effect with method: GET", "login.body", "login.body_file")
	}
	l := new(Login)
	in.fill(l, func(*Setting) bool { return true })
	l.Headers = in.readHeaders(func(string, *node) bool { return false })
	if !in.has("login.url") {
		t.add(in.at.line, in.at.column, "login has no url, want for example %s", ofLogin.by["login.url"].Example)
	}
	if t.getenv == nil { // what is not known there is right
		l.URL = known(l.URL, ofLogin.by["login.url"].Example)
	}
	return l
}

// options returns what login means for requests; the zero value for nil.
func (l *Login) options() httpjson.Login {
	if l == nil {
		return httpjson.Login{}
	}
	options := httpjson.Login{URL: l.URL.Reveal(), Method: l.Method, Header: headerOf(l.Headers), HeaderFiles: headerFilesOf(l.Headers)}
	if options.BodyFile = l.Body.File(); options.BodyFile == "" {
		options.Body = []byte(l.Body.Reveal())
	}
	return options
}
