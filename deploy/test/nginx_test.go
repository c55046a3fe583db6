package test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/capture"
	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// The real nginx, with the file of Compose in which nothing but addresses and paths are
// others, passes a stream on, keeps /metrics to itself, and sends plain HTTP to HTTPS.
func TestComposeNginx(t *testing.T) {
	url, _ := serve(t)
	dir, upstream := t.TempDir(), strings.TrimPrefix(url, "http://")
	certificate(t, dir)
	plain, secure := listentest.FreeAddress(t), listentest.FreeAddress(t)
	conf := strings.NewReplacer(
		"server pollux:3000;", "server "+upstream+";",
		"listen 80;", "listen "+plain+";",
		"listen 443 ssl;", "listen "+secure+" ssl;",
		"/etc/nginx/tls/", dir+"/",
	).Replace(read(t, "../compose/nginx/pollux.conf"))
	main := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("daemon off; pid %[1]s/pid; error_log stderr;\nevents {}\nhttp {\naccess_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n", dir, conf)
	if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	nginx := exec.Command("nginx", "-c", main, "-p", dir)
	var log capture.Output
	nginx.Stderr = &log
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nginx.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := nginx.Wait(); err != nil {
			t.Errorf("%v: %s", err, log.String())
		}
	})
	client := &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	ask := func(url string) *http.Response {
		t.Helper()
		for try := 0; ; try++ {
			resp, err := client.Get(url)
			if err == nil {
				t.Cleanup(func() { resp.Body.Close() })
				return resp
			}
			if try == 100 {
				t.Fatalf("%v: %s", err, log.String())
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	stream := bufio.NewScanner(ask("https://" + secure + "/api/sse?limit=2").Body)
	events := 0
	for stream.Scan() {
		if strings.HasPrefix(stream.Text(), "data: ") {
			events++
		}
	}
	if events != 2 || stream.Err() != nil {
		t.Errorf("%d events, and then %v", events, stream.Err())
	}
	if status := ask("https://" + secure + "/metrics").StatusCode; status != http.StatusNotFound {
		t.Errorf("/metrics answers %d", status)
	}
	resp := ask("http://" + plain + "/api/sse?limit=1")
	if resp.StatusCode != http.StatusPermanentRedirect || !strings.HasPrefix(resp.Header.Get("Location"), "https://127.0.0.1/api/sse?limit=1") {
		t.Errorf("plain HTTP answers %d, %q", resp.StatusCode, resp.Header.Get("Location"))
	}
}

// certificate writes tls.crt and tls.key.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
