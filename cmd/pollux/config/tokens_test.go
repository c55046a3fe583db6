package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers/auth"
)

// TestTokensMistakes has files in which tokens, or what needs them, is wrong. Errors quote
// no secret.
func TestTokensMistakes(t *testing.T) {
	const (
		streams  = "\nstreams: [{name: a, push: true}]\n"
		secret   = "tokens: {secret: 0123456789abcdef0123456789abcdef"
		nobody   = "access is token, but nobody has a token: want tokens: {file: tokens.txt} at the top of the file, or access: public"
		lines    = "want NAME sha256:DIGEST, as pollux token prints it; a token itself does not belong here"
		noIssuer = "has no effect without tokens.secret, tokens.jwks or tokens.public_key"
	)
	for _, test := range []struct{ text, want string }{
		{"tokens: x" + streams, "1:9: tokens is a string, want a mapping, for example with the key file"},
		{"tokens: {}" + streams, "1:9: tokens is empty, so nobody has a token: want file, lines, secret, jwks or public_key"},
		{"tokens: {fil: a}" + streams, "1:10: unknown key tokens.fil, did you mean tokens.file?"},
		{"access: token" + streams, "1:1: " + nobody},
		{"access: public\nstreams: [{name: a, push: true, access: token}]", "2:33: " + nobody + " here"},
		{"access: token\ntokens: {lines: ''}" + streams, "2:17: tokens.lines is empty"},
		{"tokens: {lines: pollux_SECRET}" + streams, "1:17: tokens.lines: line 1: " + lines},
		{"tokens: {file: /run/none}" + streams, `1:16: tokens.file is "/run/none": file does not exist`},
		{"tokens: {file: /run/empty}" + streams, `1:16: tokens.file is "/run/empty": the file is empty: if nobody is to have a token, want a line that begins with #`},
		{"tokens: {file: /run/token}" + streams, `1:16: tokens.file is "/run/token": in this file, line 1: ` + lines},
		{"tokens: {issuer: a}" + streams, "1:10: tokens.issuer " + noIssuer},
		{secret + "}" + streams, "1:9: tokens.secret without tokens.audience, which each token has to name\n1:9: tokens.secret without tokens.issuer, which each token has to name"},
		{secret + ", issuer: a, audience: b, algorithm: RS256}" + streams, "1:9: tokens: the algorithm does not fit the key, want one of [HS256]"},
		{secret + ", jwks: 'https://a.example/k', issuer: a, audience: b}" + streams, "1:9: tokens has tokens.secret and tokens.jwks, want one of them"},
		{secret + ", jwks_ca_file: a, issuer: a, audience: b}" + streams, "1:52: tokens.jwks_ca_file has no effect without tokens.jwks"},
		{"tokens: {secret: short, issuer: a, audience: b}" + streams, "1:18: tokens.secret: want at least 32 bytes"},
		{"tokens: {jwks: 'http://a.example/k', issuer: a, audience: b}" + streams, `1:16: tokens.jwks is "http://a.example/k": want an https URL, for example https://login.example.com/.well-known/jwks.json`},
		{"tokens: {public_key: x, issuer: a, audience: b}" + streams, "1:22: tokens.public_key: want a public key or a certificate as PEM: RSA of at least 2048 bits, ECDSA or Ed25519"},
	} {
		checkMistakes(t, test.text, test.want)
	}
}

// As many tokens as there can be fit into their file, and not many more.
func TestTokensFile(t *testing.T) {
	folder := t.TempDir()
	load := func(lines int) (*Config, error) {
		var text strings.Builder
		for n := range lines {
			_, s := auth.NewStatic(auth.Static{Name: fmt.Sprintf("user-%d@login.example.com", n), Subscribe: auth.Patterns{fmt.Sprintf("prices/%d", n), "news"}})
			text.WriteString(s.Line() + "\n")
		}
		if err := os.WriteFile(filepath.Join(folder, "tokens"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return Parse(filepath.Join(folder, "p.yaml"), []byte("tokens: {file: tokens}\nstreams: [{name: a, push: true}]"), Options{Getenv: os.Getenv})
	}
	c, err := load(auth.MaxStatic)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := c.StaticTokens(); err != nil || len(all) != auth.MaxStatic {
		t.Errorf("%d tokens: %v", len(all), err)
	}
	if _, err := load(5 * auth.MaxStatic); err == nil || !strings.HasSuffix(err.Error(), "is larger than 4194304 bytes (in "+folder+")") {
		t.Errorf("a larger file: %v", err)
	}
}
