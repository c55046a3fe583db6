package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub/natslog/natstest"
	"github.com/polluxhub/pollux/internal/capture"
)

// documentedPermissions returns the subjects of docs/cluster.md that a user of NATS has to be allowed.
func documentedPermissions(t *testing.T) (publish, subscribe []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	list := func(what string) []string {
		found := regexp.MustCompile(`(?m)^ *` + what + `: \[(.+)\]$`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("docs/cluster.md does not say what to %s", what)
		}
		return strings.Split(strings.ReplaceAll(string(found[1]), `"`, ""), ", ")
	}
	return list("publish"), list("subscribe")
}

// Two nodes beside a NATS server that demands certificates, knows its users by JWT, and allows them
// no more than docs/cluster.md says. Everything works, and nothing is refused. One without
// credentials, or that does not know the authority, ends with the reason. One without a
// certificate says what happens.
func TestGuardedNATS(t *testing.T) {
	t.Parallel()
	publish, subscribe := documentedPermissions(t)
	server := natstest.StartGuarded(t, publish, subscribe)
	upstream := startCountingUpstream(t)
	files := []string{"nats_ca_file: " + server.CAFile, "nats_cert_file: " + server.CertFile + "\nnats_key_file: " + server.KeyFile, "nats_credentials_file: " + server.CredentialsFile}
	config := func(name string, guard ...string) string {
		config := nodesConfiguration(name, upstream.URL, server.Server)
		config = strings.Replace(config, "streams:\n", "publish_token: publisher\nstreams:\n- {name: events, push: true}\n", 1)
		return strings.Join(guard, "\n") + "\n" + config
	}
	nodes := newPollers(t, func(name string) string { return config(name, files...) })
	nodes.begin(t, "a")
	nodes.begin(t, "b")
	holder, observer := nodes.holder(t, "polled"), "a"
	if holder == "a" {
		observer = "b"
	}
	url := nodes.node(observer).url
	eventually(t, "documents that the other node polls come", func() bool { return newestID(t, url, "polled") != "" })
	demand(t, nodes.node(observer), upstream)
	status, id := tryPublish(t, url, "1", "one")
	if status != http.StatusOK {
		t.Errorf("published with status %d", status)
	}
	eventually(t, "what is published at one node is at the other", func() bool { return newestID(t, nodes.node(holder).url, "events") == id })
	nodes.end(t, holder)
	eventually(t, "the other node polls", func() bool { return polledBy(t, url, "polled") == observer })
	if log := nodes.node(observer).log.String(); strings.Contains(strings.ToLower(log), "permission") {
		t.Errorf("something was refused:\n%s", tail(log, 20))
	}

	for what, missing := range map[string]struct {
		guard  []string
		reason *regexp.Regexp
	}{
		"no authority": {files[1:], regexp.MustCompile("certificate signed by unknown authority")},
		// With TLS 1.3 the server refuses after the handshake, and may have cut the connection before it is read why.
		"no certificate": {[]string{files[0], files[2]}, regexp.MustCompile("certificate required|connection closed by remote after TLS handshake")},
		"no credentials": {files[:2], regexp.MustCompile("Authorization Violation")},
	} {
		file := filepath.Join(t.TempDir(), "pollux.yaml")
		if err := os.WriteFile(file, []byte(config("c", missing.guard...)), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), longEnough)
		var log capture.Output
		cmd := exec.CommandContext(ctx, nodes.binary, "--config", file)
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		eventually(t, what+": the log says the reason", func() bool { return missing.reason.MatchString(log.String()) })
		if what == "no certificate" {
			cancel() // it goes on trying if it does not know why
		}
		if err := <-ended; err == nil || ctx.Err() != nil && what != "no certificate" {
			t.Errorf("%s: %v, want the end:\n%s", what, err, tail(log.String(), 5))
		}
		cancel()
	}
}
