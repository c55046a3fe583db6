package config

import (
	"cmp"

	"github.com/polluxhub/pollux/poller/httpjson"
)

// OAuth2 is the mapping oauth2 of a [Stream]. Tags are those of [Config].
type OAuth2 struct {
	TokenURL     Secret   `yaml:"token_url" is:"endpoint" example:"${token_url}" help:"Token endpoint: an absolute http or https URL. It is reached as url is: with the same proxy, TLS settings and refused addresses, but without server_name if its host is another one. Redirects are not followed. Required."`
	ClientID     string   `yaml:"client_id" example:"pollux" help:"ID of the client. Required."`
	ClientSecret Secret   `yaml:"client_secret,or=client_secret_file" help:"Secret of the client. A file is read again when it changes, and after the token endpoint has refused the secret. Required."`
	AuthStyle    string   `yaml:"auth_style" choices:"${auth_styles}" default:"header" help:"How ID and secret are sent: header is Basic authentication, which RFC 6749 wants each server to support, and body is client_id and client_secret in the body."`
	Scopes       []string `yaml:"scopes" is:"scope" range:"0 100" unset:"what the server gives by default" example:"read:prices" help:"Scopes to ask for."`
	Audience     string   `yaml:"audience" unset:"it is not sent" example:"https://api.example.com" help:"Parameter audience of the request, which some servers expect."`
}

// oauth2 reads oauth2. It returns nil without it, or if it is not a mapping.
func (t *table) oauth2() *OAuth2 {
	in := t.section("oauth2", &ofOAuth2)
	if in == nil {
		return nil
	}
	o := new(OAuth2)
	in.fill(o, func(*Setting) bool { return true })
	for _, key := range []string{"oauth2.token_url", "oauth2.client_id"} {
		if !in.has(key) {
			t.add(in.at.line, in.at.column, "oauth2 has no %s, want for example %s", ofOAuth2.name(key), ofOAuth2.by[key].Example)
		}
	}
	if !in.has("oauth2.client_secret") && !in.has("oauth2.client_secret_file") {
		t.add(in.at.line, in.at.column, "oauth2 has no client_secret_file, want for example /run/secrets/client_secret")
	}
	if t.getenv == nil { // what is not known there is right
		o.TokenURL, o.ClientSecret = known(o.TokenURL, ofOAuth2.by["oauth2.token_url"].Example), known(o.ClientSecret, hidden)
		o.ClientID = cmp.Or(o.ClientID, hidden)
	}
	return o
}

// known returns a secret, or one with the given text if it is not set.
func known(s Secret, otherwise string) Secret {
	if s.IsSet() {
		return s
	}
	return NewSecret(otherwise)
}

// options returns what oauth2 means for requests; the zero value for nil.
func (o *OAuth2) options() httpjson.OAuth2 {
	if o == nil {
		return httpjson.OAuth2{}
	}
	options := httpjson.OAuth2{
		TokenURL: o.TokenURL.Reveal(), ClientID: o.ClientID, AuthStyle: httpjson.AuthStyle(o.AuthStyle), Scopes: o.Scopes, Audience: o.Audience,
	}
	if options.ClientSecretFile = o.ClientSecret.File(); options.ClientSecretFile == "" {
		options.ClientSecret = o.ClientSecret.Reveal()
	}
	return options
}
