package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// TestMain lets scripts run this very binary as the command pollux.
func TestMain(m *testing.M) {
	testscript.Main(withBuild{m}, map[string]func(){"pollux": main})
}

// TestScripts is the behaviour of the command line, one file a story.
func TestScripts(t *testing.T) {
	certificate := listentest.NewCertificate(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[listenersKey{}] = make(listeners)
			for _, name := range []string{"ADDRESS", "ADMIN"} {
				address := listentest.FreeAddress(t)
				env.Setenv(name, address)
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					return err
				}
				env.Setenv(name+"_PORT", port)
			}
			certificate.Write(t, filepath.Join(env.WorkDir, "tls.crt"), filepath.Join(env.WorkDir, "tls.key"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"get":       get,
			"post":      post,
			"listen":    listenTo,
			"heard":     heard,
			"ended":     ended,
			"terminate": func(ts *testscript.TestScript, neg bool, args []string) { send(ts, neg, args, syscall.SIGTERM) },
			"hangup":    func(ts *testscript.TestScript, neg bool, args []string) { send(ts, neg, args, syscall.SIGHUP) },
		},
	})
}

// get asks for a URL until the answer, status line included, contains a text. It has the
// token in a file, if there is one:
//
//	get http://$ADDRESS/readyz '503 Service Unavailable'
//	get http://$ADDRESS/api/latest '200 OK' alice.token
func get(ts *testscript.TestScript, neg bool, args []string) { ask(ts, neg, http.MethodGet, args) }

// post is get for the method POST.
func post(ts *testscript.TestScript, neg bool, args []string) { ask(ts, neg, http.MethodPost, args) }

func ask(ts *testscript.TestScript, neg bool, method string, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: %s URL TEXT [FILE]", strings.ToLower(method))
	}
	token := ""
	if len(args) > 2 {
		token, _, _ = strings.Cut(ts.ReadFile(args[2]), "\n")
	}
	answer := ""
	for begin := time.Now(); time.Since(begin) < longEnough; time.Sleep(20 * time.Millisecond) {
		if answer = fetchAs(method, args[0], token); strings.Contains(answer, args[1]) {
			return
		}
	}
	ts.Fatalf("%s %s: not %q within %v, but: %s", method, args[0], args[1], longEnough, answer)
}

func fetch(url string) string { return fetchAs(http.MethodGet, url, "") }

func fetchAs(method, url, token string) string {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	}}
	req, err := http.NewRequest(method, url, http.NoBody)
	if err != nil {
		return err.Error()
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s\n%s", resp.Status, body)
}

// send sends a signal that the command kill does not know to every command of
// that name in the background:
//
//	terminate pollux
//	hangup pollux
func send(ts *testscript.TestScript, neg bool, args []string, what syscall.Signal) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate NAME or hangup NAME")
	}
	for _, cmd := range ts.BackgroundCmds() {
		if filepath.Base(cmd.Path) == args[0] {
			ts.Check(cmd.Process.Signal(what))
		}
	}
}
