package pollux

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// One certificate serves HTTP/1.1 and HTTP/2, from TLS 1.2 upwards, and a new one is used
// for the next connection.
func TestTLS(t *testing.T) {
	certificate := listentest.NewCertificate(t)
	certFile, keyFile := certificate.Files(t)
	p := newPollux(t, Options{Listen: []string{"127.0.0.1:0"}, TLS: TLS{CertFile: certFile, KeyFile: keyFile}})
	stop := run(t, p)
	address := p.Addr().String()
	for proto, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: certificate.Client(), ForceAttemptHTTP2: http2}}
		for _, path := range []string{"/livez", "/api/sse?limit=1"} {
			resp, err := client.Get("https://" + address + path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Publish(t.Context(), "", []byte("1")); path != "/livez" && err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.Proto != proto || len(body) == 0 {
				t.Errorf("%s: %s, %q, %v", path, resp.Proto, body, err)
			}
		}
		client.CloseIdleConnections()
	}

	secure := &http.Client{Transport: &http.Transport{TLSClientConfig: certificate.Client(), DisableKeepAlives: true}}
	resp, err := secure.Get("https://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	const name = "\npollux_certificate_remaining_seconds "
	_, left, _ := strings.Cut(string(metrics), name)
	left, _, _ = strings.Cut(left, "\n")
	if seconds, err := strconv.ParseFloat(left, 64); err != nil || seconds > time.Until(p.certificate.Ends()).Seconds()+60 || seconds < time.Until(p.certificate.Ends()).Seconds()-60 {
		t.Errorf("the certificate ends in %s s, %v, want %v", left, err, time.Until(p.certificate.Ends()))
	}

	for version, works := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		config := certificate.Client()
		config.MinVersion, config.MaxVersion = version, version
		conn, err := tls.Dial("tcp", address, config)
		if err == nil {
			_ = conn.Close()
		}
		if works != (err == nil) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}

	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 400 ") {
		t.Errorf("HTTP to HTTPS: %q, %v", answer, err)
	}
	_ = conn.Close()

	second := listentest.NewCertificate(t)
	second.Write(t, certFile, keyFile)
	if err := p.ReloadCertificate(); err != nil {
		t.Error(err)
	}
	if conn, err := tls.Dial("tcp", address, second.Client()); err != nil {
		t.Error(err)
	} else {
		_ = conn.Close()
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A client gets the protocol that http2 says, of those that it
// offers.
func TestHTTP2Offered(t *testing.T) {
	certificate := listentest.NewCertificate(t)
	certFile, keyFile := certificate.Files(t)
	const h1, h2 = "http/1.1", "h2"
	for _, test := range []struct {
		http2  HTTP2
		offers []string
		want   string // "": no connection
	}{
		{"", []string{h2, h1}, h2},
		{HTTP2First, []string{h1, h2}, h2},
		{HTTP2First, []string{h1}, h1},
		{HTTP2Second, []string{h2, h1}, h1},
		{HTTP2Second, []string{h2}, h2},
		{HTTP2Off, []string{h2, h1}, h1},
		{HTTP2Off, []string{h2}, ""},
	} {
		p := newPollux(t, Options{Listen: []string{"127.0.0.1:0"}, TLS: TLS{CertFile: certFile, KeyFile: keyFile, HTTP2: test.http2}, H2C: true})
		stop := run(t, p)
		config := certificate.Client()
		config.NextProtos = test.offers
		got := ""
		conn, err := tls.Dial("tcp", p.Addr().String(), config)
		if err == nil {
			got = conn.ConnectionState().NegotiatedProtocol
			_ = conn.Close()
		}
		if got != test.want {
			t.Errorf("http2 %q, and a client that offers %q: %q, %v, want %q", test.http2, test.offers, got, err, test.want)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
	if _, err := New(Options{Listen: []string{"127.0.0.1:0"}, TLS: TLS{CertFile: certFile, KeyFile: keyFile, HTTP2: "third"}}); err == nil {
		t.Error("a value that does not exist is no error")
	}
}
