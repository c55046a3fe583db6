package pollux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// Access says who can read a stream.
type Access string

// The values of Access.
const (
	AccessDefault Access = ""       // AccessToken if there are tokens, otherwise AccessPublic
	AccessPublic  Access = "public" // everybody who reaches the server
	AccessToken   Access = "token"  // bearers of a token that allows it
)

// OpenError is returned by New and SetStreams for streams that everybody could read at an
// address that other machines can reach, without Options.Public, and by New for such an
// address for operators without Admin.Token.
type OpenError struct {
	Address string
	Streams []string

	Admin string // AdminListen; then there is nothing else
}

func (e *OpenError) Error() string {
	if e.Admin != "" {
		return fmt.Sprintf("pollux: AdminListen is %s, which others can reach: want Admin.Token", e.Admin)
	}
	return fmt.Sprintf("pollux: everybody who reaches %s could read %s: want Public, Tokens, or a loopback address", e.Address, strings.Join(e.Streams, ", "))
}

// isGuarded reports whether a stream with this Access needs a token.
func (o Options) isGuarded(a Access) (bool, error) {
	byDefault := AccessPublic
	if o.Tokens != nil {
		byDefault = AccessToken
	}
	switch cmp.Or(a, o.Access, byDefault) {
	case AccessPublic:
		return false, nil
	case AccessToken:
		if o.Tokens == nil {
			return true, errors.New("pollux: AccessToken without Tokens: nobody could read")
		}
		return true, nil
	default:
		return true, errors.New("pollux: an Access is neither AccessPublic nor AccessToken")
	}
}

// checkOpen returns an *OpenError if other machines could read streams although nobody
// has said that they may.
func (o Options) checkOpen(set *streamSet) error {
	address := o.open()
	if o.Public || address == "" {
		return nil
	}
	var open []string
	for _, name := range set.names {
		if !set.guarded[name] {
			open = append(open, name)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return &OpenError{Address: address, Streams: open}
}

// isGuarded reports whether a stream or a key needs a token.
func (p *Pollux) isGuarded(name string) bool { return p.streams.Load().guarded[streamOf(name)] }

// announceOpen tells the log that everybody can read.
func (p *Pollux) announceOpen() {
	open := 0
	set := p.streams.Load()
	for _, name := range set.names {
		if !set.guarded[name] && !hub.IsReserved(name) {
			open++
		}
	}
	if open > 0 && p.opts.open() != "" {
		p.log.Info("reading is open to everybody who reaches the address", "streams", open, "guarded", len(set.names)-open)
	}
}

// tellOfKeys tells the log what came of fetching the keys of an issuer.
func (p *Pollux) tellOfKeys(known bool, err error) {
	switch {
	case err == nil:
		p.log.Info("keys of the issuer fetched")
	case known:
		p.log.Error("keys of the issuer not fetched, the old ones stay in force", "error", err)
	default:
		p.log.Error("keys of the issuer not fetched, so no JSON Web Token can be checked yet", "error", err)
	}
}

// KeysFrom returns a function for auth.JWT.Keys that fetches the key set of an issuer from
// an https URL. It obeys what [httpjson] obeys: bodies are bounded, redirects stay on the
// host and on https, and never lead from a public to a private address.
func KeysFrom(opts httpjson.Options) (func(ctx context.Context) ([]byte, error), error) {
	if !strings.HasPrefix(opts.URL, "https://") {
		return nil, errors.New("pollux: want an https URL of a key set")
	}
	source, err := httpjson.New(opts)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, keysTimeout)
		defer cancel()
		reading, err := source.Fetch(ctx, poller.Version{})
		return reading.Document, err
	}, nil
}

// keysTimeout bounds one fetch of a key set.
const keysTimeout = 10 * time.Second

// SetTokens replaces the static tokens. Streams that their clients may not have any more end
// within a second, with a status that says so: those of a token that is gone, ends earlier,
// or does not allow them any more. All others go on.
func (p *Pollux) SetTokens(static []auth.Static) error {
	use, err := p.prepareTokens(static)
	if err != nil {
		return err
	}
	use()
	p.engine.Review()
	return nil
}

// prepareTokens checks static tokens. use replaces the old ones.
func (p *Pollux) prepareTokens(static []auth.Static) (use func(), err error) {
	if p.tokens == nil {
		return nil, errors.New("pollux: static tokens without Options.Tokens")
	}
	return p.tokens.PrepareStatic(static)
}
