//go:build e2e

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/capture"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// siteName is the name of the site in the blocks of docs/operations.md.
const siteName = "live.example.com"

// upstreamAddress is the address of Pollux in the blocks.
const upstreamAddress = "127.0.0.1:3000"

// proxyKind is a proxy that docs/operations.md has a block for.
type proxyKind struct {
	heading string // of the section
	tls     bool   // the block has TLS and HTTP/2
	// start runs the daemon with the block, at address, in front of upstream. dir is
	// its own.
	start func(t *testing.T, s section, address, upstream, dir string) *daemon
}

var proxyKinds = []proxyKind{
	{"nginx", true, startNginx},
	{"nginx behind nginx", true, startTwoNginx},
	{"Caddy", true, startCaddy},
	{"HAProxy", true, startHAProxy},
	{"Apache", true, startApache},
	{"Varnish", false, startVarnish},
}

// section is what is below a heading of docs/operations.md, as far as the next one.
type section struct {
	heading string
	blocks  []block
}

// operations returns the sections of docs/operations.md by their headings.
func operations(t *testing.T) map[string]section {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]section{}
	for part := range strings.SplitSeq("\n"+string(page), "\n##") {
		heading, text, _ := strings.Cut(part, "\n")
		heading = strings.TrimSpace(strings.TrimLeft(heading, "#"))
		sections[heading] = section{heading: heading, blocks: blocksOf(text)}
	}
	return sections
}

// block returns the block in a language, of which the section must have one, with
// addresses replaced: pairs of what is there and what comes in its place. What is to
// be replaced must be there.
func (s section) block(t *testing.T, language string, replacements ...string) string {
	t.Helper()
	var found []string
	for _, b := range s.blocks {
		if b.language == language {
			found = append(found, b.text)
		}
	}
	if len(found) != 1 {
		t.Fatalf("section %q of docs/operations.md has %d blocks of %q, want one", s.heading, len(found), language)
	}
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(found[0], replacements[i]) {
			t.Fatalf("the block of %q in docs/operations.md has no %q", s.heading, replacements[i])
		}
	}
	return strings.NewReplacer(replacements...).Replace(found[0])
}

// daemon is a proxy that runs.
type daemon struct {
	log   capture.Output
	cmd   *exec.Cmd
	ended chan struct{}
}

// startDaemon runs a command until the test ends, and waits until something listens
// at the address.
func startDaemon(t *testing.T, address, dir, name string, args ...string) *daemon {
	t.Helper()
	d := &daemon{ended: make(chan struct{})}
	d.cmd = exec.Command(name, args...)
	d.cmd.Dir = dir
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a daemon and its workers end together
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = d.cmd.Wait() // by a signal
		close(d.ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		<-d.ended
		if t.Failed() {
			t.Logf("the log of %s ended with:\n%s", name, tail(d.log.String(), 30))
		}
	})
	eventually(t, name+" listens", func() bool {
		select {
		case <-d.ended:
			t.Fatalf("%s ended:\n%s", name, d.log.String())
		default:
		}
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return d
}

// nginx reads a file of conf.d. What is around it is what Debian's nginx.conf has,
// with files that need no root.
func startNginx(t *testing.T, s section, address, upstream, dir string) *daemon {
	t.Helper()
	certificate, key := certificateFiles(t, dir)
	return runNginx(t, address, dir, s.block(t, "nginx",
		"listen 443", "listen "+address, upstreamAddress, upstream,
		"/etc/ssl/"+siteName+".pem", certificate, "/etc/ssl/"+siteName+".key", key))
}

// startTwoNginx runs two of them, one behind the other. The headers by which Pollux asks
// nginx for no buffering end at the first one.
func startTwoNginx(t *testing.T, s section, address, upstream, dir string) *daemon {
	t.Helper()
	inner, innerDir := listentest.FreeAddress(t), t.TempDir()
	startNginx(t, s, inner, upstream, innerDir)
	certificate, key := certificateFiles(t, dir)
	return runNginx(t, address, dir, s.block(t, "nginx",
		"listen 443", "listen "+address, upstreamAddress, inner, "http://pollux", "https://pollux",
		"/etc/ssl/"+siteName+".pem", certificate, "/etc/ssl/"+siteName+".key", key))
}

func runNginx(t *testing.T, address, dir, config string) *daemon {
	t.Helper()
	file := filepath.Join(dir, "nginx.conf")
	var temporary strings.Builder
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary.WriteString(name + "_temp_path " + filepath.Join(dir, name) + ";\n")
	}
	writeFile(t, file, "daemon off;\nerror_log stderr;\npid "+filepath.Join(dir, "pid")+";\n"+
		"events { worker_connections 4096; }\nhttp {\naccess_log off;\n"+temporary.String()+config+"}\n")
	return startDaemon(t, address, dir, "nginx", "-p", dir, "-c", file, "-e", "stderr")
}

// Caddy gets its certificate from a CA of its own instead of a public one.
func startCaddy(t *testing.T, s section, address, upstream, dir string) *daemon {
	t.Helper()
	_, port, _ := strings.Cut(address, ":")
	const global = "{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
	file := filepath.Join(dir, "Caddyfile")
	writeFile(t, file, global+s.block(t, "caddy", siteName, siteName+":"+port, upstreamAddress, upstream))
	d := startDaemon(t, address, dir, "caddy", "run", "--config", file)
	dialer := &tls.Dialer{Config: anyCertificate()}
	dialer.Config.ServerName = siteName
	eventually(t, "caddy has a certificate", func() bool {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return d
}

func startHAProxy(t *testing.T, s section, address, upstream, dir string) *daemon {
	t.Helper()
	certificate, key := certificateFiles(t, dir)
	both, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	private, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	file, pair := filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "pair.pem")
	writeFile(t, pair, string(both)+string(private))
	writeFile(t, file, s.block(t, "haproxy", "bind :443", "bind "+address, upstreamAddress, upstream,
		"/etc/ssl/"+siteName+".pem", pair))
	return startDaemon(t, address, dir, "haproxy", "-db", "-f", file)
}

// Apache loads the modules that Debian's package enables, and those that the section
// enables.
func startApache(t *testing.T, s section, address, upstream, dir string) *daemon {
	t.Helper()
	certificate, key := certificateFiles(t, dir)
	modules := []string{"mpm_event", "authz_core"}
	enabled := strings.Fields(s.block(t, "sh"))
	if len(enabled) < 2 || enabled[0] != "a2enmod" {
		t.Fatalf("the section of Apache enables modules by %q", enabled)
	}
	var loaded strings.Builder
	for _, module := range append(modules, enabled[1:]...) {
		loaded.WriteString("LoadModule " + module + "_module /usr/lib/apache2/modules/mod_" + module + ".so\n")
	}
	file := filepath.Join(dir, "apache.conf")
	writeFile(t, file, "ServerRoot "+dir+"\nServerName "+siteName+"\nPidFile "+filepath.Join(dir, "pid")+
		"\nErrorLog /dev/stderr\nDefaultRuntimeDir "+dir+"\nMutex file:"+dir+" default\nListen "+address+"\n"+loaded.String()+
		s.block(t, "apache", "*:443", address, upstreamAddress, upstream,
			"/etc/ssl/"+siteName+".pem", certificate, "/etc/ssl/"+siteName+".key", key))
	return startDaemon(t, address, dir, "apache2", "-D", "FOREGROUND", "-f", file)
}

// Varnish is started by the command of its section.
func startVarnish(t *testing.T, s section, address, upstream, dir string) *daemon {
	t.Helper()
	host, port, _ := strings.Cut(upstream, ":")
	oldHost, oldPort, _ := strings.Cut(upstreamAddress, ":")
	file := filepath.Join(dir, "pollux.vcl")
	writeFile(t, file, s.block(t, "vcl", `.host = "`+oldHost+`"`, `.host = "`+host+`"`, `.port = "`+oldPort+`"`, `.port = "`+port+`"`))
	command := strings.Fields(s.block(t, "sh", "-a :80", "-a "+address, "/etc/varnish/pollux.vcl", file))
	return startDaemon(t, address, dir, command[0],
		append(command[1:], "-j", "none", "-n", filepath.Join(dir, "varnish"))...) // no jail, as the files are the test's
}

// certificateFiles writes a certificate for the site, and its key.
func certificateFiles(t *testing.T, dir string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: siteName}, DNSNames: []string{siteName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "site.pem"), filepath.Join(dir, "site.key")
	writeFile(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return certificate, key
}

// anyCertificate accepts what the daemons of a test have: their names lead nowhere.
func anyCertificate() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true}
}
