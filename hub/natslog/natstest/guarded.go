package natstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Guarded is a server that lets nobody in but one user, by TLS with certificates on both sides.
// The files are PEM, and that of the credentials has the JWT and the seed of the user.
type Guarded struct {
	*Server
	CAFile, CertFile, KeyFile string
	CredentialsFile           string
}

// StartGuarded starts a server in operator mode, whose user may publish and subscribe to these
// subjects and no others.
func StartGuarded(t testing.TB, publish, subscribe []string) *Guarded {
	t.Helper()
	dir := t.TempDir()
	g := &Guarded{
		CAFile: filepath.Join(dir, "ca.crt"), CertFile: filepath.Join(dir, "client.crt"), KeyFile: filepath.Join(dir, "client.key"),
		CredentialsFile: filepath.Join(dir, "user.creds"),
	}
	authority := newAuthority(t)
	write(t, g.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.certificate.Raw}))
	certFile, keyFile := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	authority.issue(t, "server", certFile, keyFile)
	authority.issue(t, "client", g.CertFile, g.KeyFile)
	accounts := g.accounts(t, publish, subscribe)
	g.Server = Start(t, fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true, timeout: 60 }\n%s", certFile, keyFile, g.CAFile, accounts))
	return g
}

// accounts writes the credentials of the user, and returns the configuration of a server that
// knows the account and whose operator vouches for it.
func (g *Guarded) accounts(t testing.TB, publish, subscribe []string) string {
	t.Helper()
	operator, operatorID := newKey(t, nkeys.PrefixByteOperator)
	account, accountID := newKey(t, nkeys.PrefixByteAccount)
	_, systemID := newKey(t, nkeys.PrefixByteAccount)
	user, userID := newKey(t, nkeys.PrefixByteUser)

	ofOperator := jwt.NewOperatorClaims(operatorID)
	ofOperator.Name, ofOperator.SystemAccount = "tests", systemID
	ofAccount := jwt.NewAccountClaims(accountID)
	ofAccount.Name = "pollux"
	ofAccount.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
	ofSystem := jwt.NewAccountClaims(systemID)
	ofSystem.Name = "SYS"
	ofUser := jwt.NewUserClaims(userID)
	ofUser.Name, ofUser.Pub.Allow, ofUser.Sub.Allow = "pollux", publish, subscribe

	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := jwt.FormatUserConfig(encoded(t, ofUser, account), seed)
	if err != nil {
		t.Fatal(err)
	}
	write(t, g.CredentialsFile, credentials)
	return fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: { %s: %s, %s: %s }",
		encoded(t, ofOperator, operator), systemID, accountID, encoded(t, ofAccount, operator), systemID, encoded(t, ofSystem, operator))
}

func newKey(t testing.TB, kind nkeys.PrefixByte) (pair nkeys.KeyPair, public string) {
	t.Helper()
	pair, err := nkeys.CreatePair(kind)
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return pair, public
}

func encoded(t testing.TB, claims jwt.Claims, by nkeys.KeyPair) string {
	t.Helper()
	text, err := claims.Encode(by)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t testing.TB, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// authority vouches for certificates of this machine.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

// issue writes a certificate for server and client.
func (a *authority) issue(t testing.TB, name, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	write(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}
