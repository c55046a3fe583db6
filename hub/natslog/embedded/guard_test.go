package embedded

import (
	"bytes"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// shake connects two guards as servers of a cluster do, and returns the error of each side,
// and what the second one has shown to the first.
func shake(t *testing.T, server, client Guard) (shown []byte, serving, dialling error) {
	t.Helper()
	there, err := server.config()
	if err != nil {
		t.Fatal(err)
	}
	here, err := client.config()
	if err != nil {
		t.Fatal(err)
	}
	here = here.Clone()
	if here.ServerName == "" {
		here.ServerName = "localhost"
	}
	a, b := net.Pipe()
	served := make(chan error, 1)
	conn := tls.Server(a, there)
	go func() {
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("hello"))
		}
		served <- err
		_ = a.Close()
	}()
	dialled := tls.Client(b, here)
	text := make([]byte, len("hello"))
	if dialling = dialled.Handshake(); dialling == nil {
		_, dialling = dialled.Read(text)
	}
	_ = b.Close()
	serving = <-served
	if peers := conn.ConnectionState().PeerCertificates; serving == nil && len(peers) == 1 {
		shown = peers[0].Raw
	}
	if dialling == nil && string(text) != "hello" {
		t.Errorf("got %q", text)
	}
	return shown, serving, dialling
}

// certificates returns guards of which each has a certificate of its own, and all have the
// same authorities.
func certificates(t *testing.T, count int) (list []Certificates) {
	t.Helper()
	var all []byte
	for range count {
		one := listentest.NewCertificate(t)
		certFile, keyFile := one.Files(t)
		list = append(list, Certificates{CertFile: certFile, KeyFile: keyFile})
		all = append(all, one.CertPEM...)
	}
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].CAFile = file
	}
	return list
}

// Only those talk to each other who have the same secret, or certificates of the same
// authorities. Each side refuses the other one.
func TestGuards(t *testing.T) {
	secret, other := Secret(strings.Repeat("s", MinSecret)), Secret(strings.Repeat("o", MinSecret))
	own, foreign := certificates(t, 2), certificates(t, 1)
	for what, test := range map[string]struct {
		server, client Guard
		friends        bool
	}{
		"the same secret":                       {secret, Secret(strings.Repeat("s", MinSecret)), true},
		"another secret":                        {secret, other, false},
		"a longer secret":                       {secret, secret + "s", false},
		"certificates of the same authorities":  {own[0], own[1], true},
		"a certificate of another authority":    {own[0], foreign[0], false},
		"a server of another authority":         {foreign[0], own[0], false},
		"a certificate instead of the secret":   {secret, own[0], false},
		"a secret instead of the certificate":   {own[0], secret, false},
		"an own certificate, and a foreign key": {own[0], Certificates{foreign[0].CertFile, foreign[0].KeyFile, own[0].CAFile}, false},
	} {
		_, serving, dialling := shake(t, test.server, test.client)
		if test.friends && (serving != nil || dialling != nil) {
			t.Errorf("%s: %v, %v", what, serving, dialling)
		}
		if !test.friends && dialling == nil {
			t.Errorf("%s: the client was told something, the server had %v", what, serving)
		}
	}
}

// A secret that is too short, and files that are no certificate, are refused, in words that
// do not quote them.
func TestWeakGuards(t *testing.T) {
	own := certificates(t, 1)[0]
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, guard := range []Guard{
		Secret(""), Secret("hunter2"), Secret(strings.Repeat("s", MinSecret-1)),
		Certificates{junk, own.KeyFile, own.CAFile}, Certificates{own.CertFile, junk, own.CAFile}, Certificates{own.CertFile, own.KeyFile, junk},
		Certificates{own.CertFile, own.KeyFile, junk + "2"},
	} {
		if err := guard.Check(); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%T: %v", guard, err)
		}
	}
}

// The next connection has the certificate that replaced the one before, and the last good one
// if that is broken.
func TestCertificateIsReplaced(t *testing.T) {
	all := certificates(t, 3)
	there, err := all[0].config()
	if err != nil {
		t.Fatal(err)
	}
	fixed := fixedGuard{there}
	replace := func(file, by string) {
		text, err := os.ReadFile(by)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := func() []byte {
		shown, serving, dialling := shake(t, all[1], fixed)
		if serving != nil || dialling != nil {
			t.Fatal(serving, dialling)
		}
		return shown
	}
	first := seen()
	replace(all[0].CertFile, all[2].CertFile)
	if !bytes.Equal(seen(), first) {
		t.Error("a certificate without its key is used")
	}
	replace(all[0].KeyFile, all[2].KeyFile)
	second := seen()
	if bytes.Equal(second, first) {
		t.Error("the certificate is the one before")
	}
	if err := os.Remove(all[0].CertFile); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(seen(), second) {
		t.Error("the last good certificate is not used")
	}
}

// fixedGuard keeps the configuration that it had at the start, as a server does.
type fixedGuard struct{ made *tls.Config }

func (fixedGuard) Check() error                   { return nil }
func (g fixedGuard) config() (*tls.Config, error) { return g.made, nil }
