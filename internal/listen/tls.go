package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// TLS says where the certificate of a server comes from: from files or from an authority.
// The zero value means that it serves without TLS.
type TLS struct {
	// CertFile and KeyFile are PEM files: a certificate with its chain, and its private
	// key. They are read again every 5 seconds, and when they have changed, new
	// connections get the new certificate. A wrong one is logged, and the one before
	// stays in force.
	CertFile, KeyFile string

	// ACME obtains certificates, if it has Domains.
	ACME ACME

	// HTTP2 says whether clients use HTTP/2. Empty means HTTP2First.
	HTTP2 HTTP2
}

// HTTP2 says which clients with TLS use HTTP/2. A server chooses the first protocol of its
// list that the client has too (RFC 7301).
type HTTP2 string

// The values of HTTP2.
const (
	HTTP2First  HTTP2 = "first"  // those that can
	HTTP2Second HTTP2 = "second" // those that do not offer HTTP/1.1
	HTTP2Off    HTTP2 = "off"    // none
)

// HTTP2s returns the values of HTTP2.
func HTTP2s() []HTTP2 { return []HTTP2{HTTP2First, HTTP2Second, HTTP2Off} }

// protocols returns the list of a server, nil for a value that does not exist.
func (h HTTP2) protocols() []string {
	switch h {
	case HTTP2First, "":
		return []string{"h2", "http/1.1"}
	case HTTP2Second:
		return []string{"http/1.1", "h2"}
	case HTTP2Off:
		return []string{"http/1.1"}
	default:
		return nil
	}
}

// IsSet reports whether there is TLS.
func (t TLS) IsSet() bool { return t.CertFile != "" || t.KeyFile != "" || len(t.ACME.Domains) > 0 }

// Keeper keeps a certificate in force.
type Keeper struct {
	files    *files    // nil with ACME
	obtained *obtained // nil with files
	offers   []string  // protocols
	log      *slog.Logger
}

// NewKeeper returns a Keeper, nil without TLS. The error is a mistake in the options, or
// a [*FileError].
func NewKeeper(t TLS, log *slog.Logger) (*Keeper, error) {
	k := &Keeper{offers: t.HTTP2.protocols(), log: log}
	var err error
	switch {
	case !t.IsSet():
		return nil, nil
	case k.offers == nil:
		err = fmt.Errorf("listen: HTTP2 is %q, want one of %q", t.HTTP2, HTTP2s())
	case len(t.ACME.Domains) == 0 && (t.CertFile == "" || t.KeyFile == ""):
		err = errors.New("listen: CertFile and KeyFile belong together")
	case len(t.ACME.Domains) == 0:
		k.files, err = newFiles(t.CertFile, t.KeyFile, log)
	case t.CertFile != "" || t.KeyFile != "":
		err = errors.New("listen: CertFile and ACME exclude each other")
	default:
		k.obtained, err = newObtained(t.ACME, log)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Config returns the configuration for a server: TLS 1.2 and above, with the certificate
// that is in force at each handshake. It is nil for a nil Keeper.
func (k *Keeper) Config() *tls.Config {
	switch {
	case k == nil:
		return nil
	case k.obtained != nil:
		return k.obtained.config(k.offers)
	default:
		return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: k.files.certificate, NextProtos: slices.Clone(k.offers)}
	}
}

// Names returns the names and addresses of the certificate that is in force, some of which may
// begin with "*.", or those that certificates are obtained for. It returns none for a nil
// Keeper. The caller must not change them.
func (k *Keeper) Names() []string {
	if k == nil {
		return nil
	}
	if k.obtained != nil {
		return k.obtained.domains
	}
	leaf := k.files.current.Load().Leaf
	if len(leaf.IPAddresses) == 0 {
		return leaf.DNSNames
	}
	names := slices.Clone(leaf.DNSNames)
	for _, address := range leaf.IPAddresses {
		names = append(names, address.String())
	}
	return names
}

// Ends returns when the certificate that is in force ends, of several the first one. It is
// zero for a nil Keeper, and as long as no certificate was obtained.
func (k *Keeper) Ends() time.Time {
	switch {
	case k == nil:
		return time.Time{}
	case k.obtained != nil:
		return k.obtained.ends()
	}
	if leaf := k.files.current.Load().Leaf; leaf != nil {
		return leaf.NotAfter
	}
	return time.Time{}
}

// Run looks for newer certificates until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	if k.obtained != nil {
		k.obtained.run(ctx)
	} else {
		k.files.run(ctx)
	}
	return nil
}

// Reload looks for a newer certificate in files now. After an error, which the log has
// too, the old one stays in force.
func (k *Keeper) Reload() error {
	if k == nil || k.files == nil {
		return nil
	}
	err := k.files.reload()
	if err != nil {
		k.log.Error("certificate not reloaded, the old one stays in force", "error", err)
	}
	return err
}
