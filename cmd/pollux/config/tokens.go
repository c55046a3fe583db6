package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/handlers/auth"
)

// Tokens is the mapping tokens of a [Config]. Tags are those of [Config].
type Tokens struct {
	Lines Secret `yaml:"lines,or=file" reload:"yes" is:"static-tokens" unset:"no such tokens" example:"alice sha256:… subscribe=prices/*" help:"Tokens that are no JWT, one in each line: NAME sha256:DIGEST, then subscribe=NAMES, publish=NAMES and expires=TIME as needed. The command pollux token makes a token and its line. NAMES are names of streams or keys with commas between them; a name that ends in * is a prefix. When a reload takes a token away, its streams end. An empty file is refused, because a file that is being written looks like that: to take the last token away, leave a line that begins with #."`

	Secret     Secret `yaml:"secret,or=secret_file" is:"jwt-secret" unset:"no JWT is signed by a secret" help:"Secret of the JSON Web Tokens that are signed by HS256: at least 32 bytes."`
	JWKS       string `yaml:"jwks" is:"jwks" unset:"no keys are fetched" example:"https://login.example.com/.well-known/jwks.json" help:"https URL of the key set of the issuer. It is fetched each hour, and when a token names a key that is unknown, at most twice a minute: through proxy, and not from addresses that deny_private refuses."`
	JWKSCAFile string `yaml:"jwks_ca_file" is:"path" unset:"those of the system" example:"/etc/pollux/issuer-ca.crt" help:"PEM file with the authorities that the certificate of jwks may be from, instead of those of the system. The file is read again when it changes. Only with jwks."`
	PublicKey  Secret `yaml:"public_key,or=public_key_file" is:"jwt-key" unset:"no JWT is signed by this key" help:"Public key, or certificate, of the issuer: PEM."`
	Algorithm  string `yaml:"algorithm" choices:"${algorithms}" unset:"HS256 with a secret, RS256 with jwks, and what fits a public key" help:"The algorithm by which tokens are signed. A token that names another one is refused."`
	Issuer     string `yaml:"issuer" unset:"no JWT is valid" example:"https://login.example.com" help:"What iss of a token has to be. Required with secret, jwks or public_key."`
	Audience   string `yaml:"audience" unset:"no JWT is valid" example:"https://live.example.com" help:"What aud of a token has to be or contain. Required with secret, jwks or public_key."`
}

// tokensFile is the key of the file with static tokens.
const tokensFile = "tokens.file"

// hasIssuer reports whether JSON Web Tokens can be valid.
func (t *Tokens) hasIssuer() bool { return t.Secret.IsSet() || t.PublicKey.IsSet() || t.JWKS != "" }

// tokenMapping reads tokens. It returns nil without them, or if they are not a mapping.
func (t *table) tokenMapping() *Tokens {
	n := t.values["tokens"]
	switch {
	case n == nil:
		return nil
	case n.kind != mapping:
		t.add(n.line, n.column, "tokens is %s, want a mapping, for example with the key file", n.kind)
		return nil
	}
	in := t.table(n, &ofTokens, place{&top, "to the top of the file"})
	tokens := new(Tokens)
	before := len(t.seen)
	in.fill(tokens, func(*Setting) bool { return true })
	in.issuer(tokens)
	if len(n.pairs) == 0 {
		t.add(n.line, n.column, "tokens is empty, so nobody has a token: want file, lines, secret, jwks or public_key")
	}
	if !tokens.hasIssuer() || len(t.seen) > before || in.anyUnknown("secret", "public_key", "algorithm", "issuer", "audience") {
		return tokens
	}
	if _, err := auth.New(auth.Options{JWT: tokens.jwt(noKeys)}); err != nil {
		t.add(n.line, n.column, "tokens: %v", trimmed(err, "auth: "))
	}
	return tokens
}

// withoutTokens says what is wrong with an access by tokens that nobody can have.
const withoutTokens = "is token, but nobody has a token: want tokens: {file: tokens.txt} at the top of the file, or access: public"

// guarded refuses an access by tokens in a file without tokens.
func (t *table) guarded(access, where string) {
	if access == string(pollux.AccessToken) && !t.hasTokens {
		t.refuse(withoutTokens+where, "access")
	}
}

// noKeys stands for the function that fetches a key set.
func noKeys(context.Context) ([]byte, error) { return nil, nil }

// issuer checks the keys about JSON Web Tokens, which belong together.
func (t *table) issuer(tokens *Tokens) {
	var sources []string
	for _, keys := range [][]string{{"tokens.secret", "tokens.secret_file"}, {"tokens.jwks"}, {"tokens.public_key", "tokens.public_key_file"}} {
		if slices.ContainsFunc(keys, t.has) {
			sources = append(sources, keys[0])
		}
	}
	if !t.has("tokens.jwks") {
		t.refuse("has no effect without tokens.jwks", "tokens.jwks_ca_file")
		tokens.JWKSCAFile = ""
	}
	switch {
	case len(sources) > 1:
		t.add(t.at.line, t.at.column, "tokens has %s, want one of them", strings.Join(sources, " and "))
	case len(sources) == 0:
		t.refuse("has no effect without tokens.secret, tokens.jwks or tokens.public_key", "tokens.algorithm", "tokens.issuer", "tokens.audience")
		tokens.Algorithm, tokens.Issuer, tokens.Audience = "", "", ""
	default:
		for _, key := range []string{"tokens.issuer", "tokens.audience"} {
			if !t.has(key) {
				t.add(t.at.line, t.at.column, "%s without %s, which each token has to name", sources[0], key)
			}
		}
	}
}

// anyUnknown reports whether one of these keys depends on a variable that may have any
// value.
func (t *table) anyUnknown(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return t.unknown("tokens." + key) })
}

// jwt returns which JSON Web Tokens are valid; nil for none. keys fetches those of JWKS.
func (t *Tokens) jwt(keys func(context.Context) ([]byte, error)) *auth.JWT {
	if !t.hasIssuer() {
		return nil
	}
	j := &auth.JWT{
		Algorithm: t.Algorithm, Issuer: t.Issuer, Audience: t.Audience,
		Secret: []byte(t.Secret.Reveal()), PublicKey: []byte(t.PublicKey.Reveal()),
	}
	if t.JWKS != "" {
		j.Keys = keys
	}
	return j
}

// checkJWKS checks the URL of a key set.
func checkJWKS(s *Setting, text string) error {
	if !strings.HasPrefix(text, "https://") {
		return errors.New("want an https URL, for example " + s.Example)
	}
	return CheckURL(text, s.Example)
}

// checkPublicKey checks a public key, whatever algorithm it is for.
func checkPublicKey(text string) error {
	_, err := auth.New(auth.Options{JWT: &auth.JWT{PublicKey: []byte(text), Issuer: "x", Audience: "x"}})
	return trimmed(err, "auth: ")
}

// checkSecret checks the secret of HS256.
func checkSecret(text string) error {
	if len(text) < auth.MinSecret {
		return fmt.Errorf("want at least %d bytes", auth.MinSecret)
	}
	return nil
}

// checkStatic checks the lines with static tokens. The error quotes nothing of them.
func checkStatic(text string) error {
	_, err := auth.ParseStatic(text)
	return trimmed(err, "auth: ")
}

// trimmedError is an error without the name of the package that it is from.
type trimmedError struct {
	error
	prefix string
}

func (e *trimmedError) Error() string { return strings.TrimPrefix(e.error.Error(), e.prefix) }
func (e *trimmedError) Unwrap() error { return e.error }

func trimmed(err error, prefix string) error {
	if err == nil {
		return nil
	}
	return &trimmedError{err, prefix}
}

// StaticTokens returns the tokens that are no JWT.
func (c *Config) StaticTokens() ([]auth.Static, error) {
	if c.Tokens == nil {
		return nil, nil
	}
	return auth.ParseStatic(c.Tokens.Lines.Reveal())
}

// Options returns what the tokens are for package pollux; nil for nil. keys returns the
// function that fetches the key set of an issuer.
func (t *Tokens) Options(keys func() (func(context.Context) ([]byte, error), error)) (*auth.Options, error) {
	if t == nil {
		return nil, nil
	}
	static, err := auth.ParseStatic(t.Lines.Reveal())
	if err != nil {
		return nil, err
	}
	var fetch func(context.Context) ([]byte, error)
	if t.JWKS != "" {
		if fetch, err = keys(); err != nil {
			return nil, err
		}
	}
	return &auth.Options{Static: static, JWT: t.jwt(fetch)}, nil
}
