package listen

import (
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/internal/capture"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// keeping is a Keeper whose Run runs.
type keeping struct {
	*Keeper
	log               capture.Output
	certFile, keyFile string
}

func keep(t *testing.T, first listentest.Certificate) *keeping {
	t.Helper()
	k := new(keeping)
	k.certFile, k.keyFile = first.Files(t)
	var err error
	k.Keeper, err = NewKeeper(TLS{CertFile: k.certFile, KeyFile: k.keyFile}, slog.New(slog.NewTextHandler(&k.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = k.Run(t.Context()) })
	t.Cleanup(running.Wait)
	return k
}

// serial returns the number of the certificate in force.
func (k *keeping) serial(t *testing.T) *big.Int {
	t.Helper()
	certificate, err := k.Config().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return certificate.Leaf.SerialNumber
}

func (k *keeping) looks(n int) {
	time.Sleep(time.Duration(n) * lookEvery)
	synctest.Wait()
}

// A certificate that has changed is in force after one look, whatever its time says.
func TestCertificateChanges(t *testing.T) {
	first, second := listentest.NewCertificate(t), listentest.NewCertificate(t)
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, first)
		info, err := os.Stat(k.certFile)
		if err != nil {
			t.Fatal(err)
		}
		second.Write(t, k.certFile, k.keyFile)
		if err := os.Chtimes(k.certFile, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		if k.serial(t).Cmp(first.Serial) != 0 {
			t.Error("nobody has looked yet")
		}
		k.looks(1)
		if k.serial(t).Cmp(second.Serial) != 0 {
			t.Error("the new certificate is not in force")
		}
		if n := strings.Count(k.log.String(), "certificate in force"); n != 2 {
			t.Errorf("the log:\n%s", k.log.String())
		}
	})
}

// As Kubernetes does it, the folder of both files is a link that leads elsewhere at once.
func TestCertificateBehindALink(t *testing.T) {
	first, second := listentest.NewCertificate(t), listentest.NewCertificate(t)
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, first)
		newCert, newKey := second.Files(t)
		for from, to := range map[string]string{k.certFile: newCert, k.keyFile: newKey} {
			if err := os.Remove(from); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(to, from); err != nil {
				t.Fatal(err)
			}
		}
		k.looks(1)
		if k.serial(t).Cmp(second.Serial) != 0 {
			t.Error("the new certificate is not in force")
		}
	})
}

// A wrong certificate never replaces a good one. The log has it once, and not if the files
// are wrong only between two looks.
func TestCertificateThatIsWrong(t *testing.T) {
	first, second := listentest.NewCertificate(t), listentest.NewCertificate(t)
	for name, spoil := range map[string]func(k *keeping) error{
		"another key":  func(k *keeping) error { return os.WriteFile(k.keyFile, second.KeyPEM, 0o600) },
		"no PEM":       func(k *keeping) error { return os.WriteFile(k.certFile, []byte("soon"), 0o600) },
		"empty":        func(k *keeping) error { return os.Truncate(k.certFile, 0) },
		"gone":         func(k *keeping) error { return os.Remove(k.keyFile) },
		"large":        func(k *keeping) error { return os.WriteFile(k.certFile, make([]byte, maxPEM+1), 0o600) },
		"not a file":   func(k *keeping) error { return errors.Join(os.Remove(k.certFile), os.Mkdir(k.certFile, 0o700)) },
		"half written": func(k *keeping) error { return os.Truncate(k.certFile, int64(len(first.CertPEM)/2)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keep(t, first)
				if err := spoil(k); err != nil {
					t.Fatal(err)
				}
				k.looks(1)
				if strings.Contains(k.log.String(), "not reloaded") {
					t.Errorf("logged at the first look:\n%s", k.log.String())
				}
				k.looks(5)
				if n := strings.Count(k.log.String(), "certificate not reloaded"); n != 1 {
					t.Errorf("%d records:\n%s", n, k.log.String())
				}
				if k.serial(t).Cmp(first.Serial) != 0 {
					t.Error("the good certificate is not in force")
				}
				if strings.Contains(k.log.String(), "PRIVATE") {
					t.Error("the log quotes the key")
				}
				_ = os.Remove(k.certFile) // it may be a folder
				second.Write(t, k.certFile, k.keyFile)
				k.looks(1)
				if k.serial(t).Cmp(second.Serial) != 0 {
					t.Error("the good certificate after it is not in force")
				}
			})
		})
	}
}

// Reload does not wait for a look, and tells what is wrong each time.
func TestCertificateReload(t *testing.T) {
	first, second := listentest.NewCertificate(t), listentest.NewCertificate(t)
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, first)
		if err := k.Reload(); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(k.keyFile, second.KeyPEM, 0o600); err != nil {
			t.Fatal(err)
		}
		var wrong *FileError
		for range 2 {
			if err := k.Reload(); !errors.As(err, &wrong) || wrong.KeyFile != k.keyFile {
				t.Errorf("%v", err)
			}
		}
		second.Write(t, k.certFile, k.keyFile)
		if err := k.Reload(); err != nil || k.serial(t).Cmp(second.Serial) != 0 {
			t.Errorf("%v, or not in force", err)
		}
	})
}

func TestNewKeeper(t *testing.T) {
	certFile, keyFile := listentest.NewCertificate(t).Files(t)
	if k, err := NewKeeper(TLS{}, slog.New(slog.DiscardHandler)); k != nil || err != nil || k.Config() != nil || k.Reload() != nil {
		t.Errorf("without TLS: %v, %v", k, err)
	}
	for _, wrong := range []TLS{{CertFile: certFile}, {KeyFile: keyFile}, {CertFile: keyFile, KeyFile: certFile}} {
		if k, err := NewKeeper(wrong, slog.New(slog.DiscardHandler)); k != nil || err == nil {
			t.Errorf("%+v: no error", wrong)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	if _, err := NewKeeper(TLS{CertFile: certFile, KeyFile: none}, slog.New(slog.DiscardHandler)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// A server answers for the names and addresses that its certificate has, also for an address
// that belongs to a router in front of it.
func TestNamesOfTheCertificate(t *testing.T) {
	certFile, keyFile := listentest.NewCertificate(t).Files(t)
	k, err := NewKeeper(TLS{CertFile: certFile, KeyFile: keyFile}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if names := k.Names(); !slices.Equal(names, []string{"localhost", "127.0.0.1", "::1"}) {
		t.Errorf("names: %q", names)
	}
}
