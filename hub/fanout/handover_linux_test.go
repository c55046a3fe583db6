package fanout

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The head is as net/http would write it, whatever the header has in it.
func TestAppendHead(t *testing.T) {
	header := http.Header{
		"Content-Length":    {"7"},
		"Transfer-Encoding": {"identity"},
		"Date":              {"yesterday"},
		"Content-Type":      {"text/event-stream"},
		"Vary":              {"Accept", "Origin"},
		"X-Split":           {"a\r\nSet-Cookie: b\nc"},
	}
	now := time.Date(2026, 11, 22, 20, 15, 0, 999, time.FixedZone("", 3600))
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(appendHead(nil, header, now)))), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want := http.Header{
		"Date":         {"Sun, 22 Nov 2026 19:15:00 GMT"},
		"Content-Type": {"text/event-stream"},
		"Vary":         {"Accept", "Origin"},
		"X-Split":      {"a  Set-Cookie: b c"},
	}
	if diff := cmp.Diff(want, resp.Header); diff != "" || resp.Status != "200 OK" || !cmp.Equal(resp.TransferEncoding, []string{"chunked"}) {
		t.Errorf("status %s, transfer encoding %v, header (+), want (-):\n%s", resp.Status, resp.TransferEncoding, diff)
	}
}
