//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// The compressed stream is read by who really reads it: curl, Node's fetch and
// native EventSource in Chromium. Each gets twenty documents, one at a time.
func TestCompressedStreamHasReaders(t *testing.T) {
	url, stop := startProgram(t, "--every", "20ms")
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	const documents = 20
	target := fmt.Sprintf("%s/api/sse?limit=%d", url, documents)
	for name, command := range map[string][]string{
		"curl":     {"curl", "-sS", "--compressed", "-D", "/dev/stderr", target},
		"fetch":    {"node", "--input-type=module", "-e", fetchScript, target},
		"Chromium": {"node", "../../static/test/eventsource.js", url + "/", target, fmt.Sprint(documents)},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), longEnough)
			defer cancel()
			var out, told bytes.Buffer
			cmd := exec.CommandContext(ctx, command[0], command[1:]...)
			cmd.Stdout, cmd.Stderr = &out, &told
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v: %s", err, told.String())
			}
			if n := strings.Count(out.String(), `"message":"Random update: `); n != documents {
				t.Errorf("%d documents, want %d: %.300s", n, documents, out.String())
			}
			if !strings.Contains(strings.ToLower(told.String()), "content-encoding: gzip") {
				t.Errorf("not compressed: %s", told.String())
			}
		})
	}
}

// fetchScript reads a stream as scripts do, and tells the encoding.
const fetchScript = `
const response = await fetch(process.argv[1], { headers: { Accept: 'text/event-stream' } });
console.error('content-encoding: ' + response.headers.get('content-encoding'));
const decoder = new TextDecoder();
for await (const part of response.body) process.stdout.write(decoder.decode(part, { stream: true }));
`
