package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is how often the files of a certificate are read. A certificate is
	// renewed weeks before it ends, so nobody waits for it.
	lookEvery = 5 * time.Second

	// maxPEM is the largest size of a file, in bytes. A chain has a few kilobytes.
	maxPEM = 1 << 20
)

// files is a certificate and its key in two PEM files, which are read again while it is
// in force. The content counts and not the time of a file: a file that is replaced within
// a second, or by a link as Kubernetes does, is a new one too.
type files struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	looking sync.Mutex // held while the files are read
	loaded  [2][]byte  // the texts in force
	refused [2][]byte  // those that are wrong, empty if the files cannot be read
	times   int        // how many looks in a row found them
}

func newFiles(certFile, keyFile string, log *slog.Logger) (*files, error) {
	f := &files{certFile: certFile, keyFile: keyFile, log: log}
	if err := f.reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// certificate is for [tls.Config.GetCertificate].
func (f *files) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

// run looks at the files until ctx ends.
func (f *files) run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f.look()
		case <-ctx.Done():
			return
		}
	}
}

// wrongTimes is how many looks in a row have to find the same wrong certificate until it
// is logged: two files are never replaced at one instant.
const wrongTimes = 2

// look reads the files, and puts a new certificate in force. A wrong one is logged once.
func (f *files) look() {
	f.looking.Lock()
	defer f.looking.Unlock()
	texts, err := f.read()
	switch {
	case err == nil && same(texts, f.loaded):
		f.times = 0
		return
	case err == nil:
		err = f.use(texts)
	}
	if err == nil {
		return
	}
	if !same(texts, f.refused) {
		f.refused, f.times = texts, 0
	}
	if f.times++; f.times == wrongTimes {
		f.log.Error("certificate not reloaded, the old one stays in force", "error", err)
	}
}

// reload reads the files at once. After an error the certificate is the one before.
func (f *files) reload() error {
	f.looking.Lock()
	defer f.looking.Unlock()
	texts, err := f.read()
	if err != nil || same(texts, f.loaded) {
		return err
	}
	return f.use(texts)
}

func (f *files) use(texts [2][]byte) error {
	certificate, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		return &FileError{f.certFile, f.keyFile, fmt.Errorf("%w; want a certificate with its chain, and its private key, as PEM", err)}
	}
	f.current.Store(&certificate)
	f.loaded, f.times = texts, 0
	logCertificate(f.log, &certificate)
	return nil
}

// read returns the texts of both files.
func (f *files) read() (texts [2][]byte, err error) {
	for i, path := range []string{f.certFile, f.keyFile} {
		if texts[i], err = readPEM(path); err != nil {
			return [2][]byte{}, &FileError{f.certFile, f.keyFile, err}
		}
	}
	return texts, nil
}

func readPEM(path string) ([]byte, error) {
	info, err := os.Stat(path) // opening a pipe could wait for ever
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	file, err := os.Open(path) //nolint:gosec // the operator chooses the files
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %d bytes", maxPEM)}
	}
	return text, err
}

func same(a, b [2][]byte) bool { return bytes.Equal(a[0], b[0]) && bytes.Equal(a[1], b[1]) }

// FileError is a certificate that cannot be used. Its text quotes nothing of the key.
type FileError struct {
	CertFile, KeyFile string
	Err               error
}

func (e *FileError) Error() string {
	return fmt.Sprintf("certificate %s with key %s: %v", e.CertFile, e.KeyFile, e.Err)
}

// Unwrap returns the reason.
func (e *FileError) Unwrap() error { return e.Err }
