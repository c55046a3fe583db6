//go:build e2e

package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// secureProcess is Pollux with TLS and a stream that is published to.
type secureProcess struct {
	*process
	address string
	client  *http.Client
}

func startSecure(t *testing.T) secureProcess {
	t.Helper()
	certificate := listentest.NewCertificate(t)
	certFile, keyFile := certificate.Files(t)
	p := startProcess(t, testBinary, "tls_cert_file: "+certFile+"\ntls_key_file: "+keyFile+"\npublish_token: "+publishToken+"\n"+
		configuration("  - name: default\n    push: true\n"))
	_, address, _ := strings.Cut(p.url, "://")
	return secureProcess{p, address, &http.Client{Timeout: longEnough, Transport: &http.Transport{TLSClientConfig: certificate.Client(), DisableKeepAlives: true}}}
}

func (p secureProcess) publish(t *testing.T, document string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, "https://"+p.address+"/api/streams/default/events", strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+publishToken)
	response, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		t.Fatalf("%s, %v", response.Status, err)
	}
}

// openssl is `openssl s_client`, a client of TLS that has nothing in common with Go's.
type openssl struct {
	t     *testing.T
	in    io.WriteCloser
	lines *bufio.Scanner
	seen  strings.Builder
}

// startOpenSSL connects and asks for the stream.
func startOpenSSL(t *testing.T, p secureProcess, flags ...string) *openssl {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", append([]string{"s_client", "-connect", p.address, "-servername", "localhost"}, flags...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, inner := io.Pipe()
	cmd.Stdout, cmd.Stderr = inner, inner
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = inner.CloseWithError(errors.Join(cmd.Wait(), io.EOF)) // reading ends
	}()
	t.Cleanup(func() {
		_, _ = in.Close(), out.Close()
		<-ended
	})
	o := &openssl{t: t, in: in, lines: bufio.NewScanner(out)}
	o.write("GET /api/sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
	return o
}

func (o *openssl) write(text string) {
	o.t.Helper()
	if _, err := io.WriteString(o.in, text); err != nil {
		o.t.Fatal(err)
	}
}

// await reads until a line contains text.
func (o *openssl) await(text string) {
	o.t.Helper()
	for o.lines.Scan() {
		o.seen.WriteString(o.lines.Text() + "\n")
		if strings.Contains(o.lines.Text(), text) {
			return
		}
	}
	o.t.Fatalf("no line with %q in:\n%s", text, o.seen.String())
}

// Another implementation of TLS reads the stream, changes the keys of both sides amid it, and
// comes back with its session. One that wants to negotiate again, which RFC 8446 has abolished and
// the server does not do with TLS 1.2, ends only its own stream.
func TestOpenSSL(t *testing.T) {
	p := startSecure(t)
	p.publish(t, `"first"`)
	session := filepath.Join(t.TempDir(), "session")

	for _, version := range []string{"-tls1_3", "-tls1_2"} {
		o := startOpenSSL(t, p, version, "-sess_out", session+version)
		o.await(`data: "`)
		if version == "-tls1_3" {
			for _, command := range []string{"k\n", "K\n", "K\n"} { // a key update, and two that ask for one
				o.write(command)
			}
		}
		p.publish(t, `"after `+version+`"`)
		o.await(`data: "after ` + version + `"`)

		back := startOpenSSL(t, p, version, "-sess_in", session+version)
		back.await("Reused, ")
		back.await(`data: "after ` + version + `"`)
		back.write("Q\n") // close_notify
		o.write("Q\n")
	}

	other := startOpenSSL(t, p, "-tls1_3")
	other.await(`data: "`)
	again := startOpenSSL(t, p, "-tls1_2")
	again.await(`data: "`)
	again.write("R\n")
	again.await("RENEGOTIATING")
	for again.lines.Scan() { // to its end: the server refuses
	}
	p.publish(t, `"last"`)
	other.await(`data: "last"`)
}
