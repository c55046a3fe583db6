package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
)

// TLS says where the certificate of a server comes from. The zero value means that it
// serves without TLS.
type TLS struct {
	// CertFile and KeyFile are PEM files: a certificate with its chain, and its private
	// key. They are read again every 5 seconds, and when they have changed, new
	// connections get the new certificate. A wrong one is logged, and the one before
	// stays in force.
	CertFile, KeyFile string
}

// IsSet reports whether there is TLS.
func (t TLS) IsSet() bool { return t != TLS{} }

// Keeper keeps a certificate in force.
type Keeper struct {
	files *files
	log   *slog.Logger
}

// NewKeeper returns a Keeper, nil without TLS. The error is a mistake in the options, or
// a [*FileError].
func NewKeeper(t TLS, log *slog.Logger) (*Keeper, error) {
	switch {
	case !t.IsSet():
		return nil, nil
	case t.CertFile == "" || t.KeyFile == "":
		return nil, errors.New("listen: CertFile and KeyFile belong together")
	}
	f, err := newFiles(t.CertFile, t.KeyFile, log)
	if err != nil {
		return nil, err
	}
	return &Keeper{files: f, log: log}, nil
}

// Config returns the configuration for a server: TLS 1.2 and above, with the certificate
// that is in force at each handshake. It is nil for a nil Keeper.
func (k *Keeper) Config() *tls.Config {
	if k == nil {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: k.files.certificate}
}

// Run looks for newer certificates until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	k.files.run(ctx)
	return nil
}

// Reload looks for a newer certificate now. After an error, which the log has too, the
// old one stays in force.
func (k *Keeper) Reload() error {
	if k == nil {
		return nil
	}
	err := k.files.reload()
	if err != nil {
		k.log.Error("certificate not reloaded, the old one stays in force", "error", err)
	}
	return err
}
