package main

import (
	"io"
	"testing"
)

// Headers that are given several times are one: cookies are joined as RFC 6265
// section 5.4 has it, others as RFC 9110 section 5.3.
func TestHeadersAreJoined(t *testing.T) {
	c, _, err := parse([]string{
		"--url", "http://127.0.0.1:9/", "--header", "Cookie: a=1", "--header", "X: 1", "--header", "cookie: b=2; c=3\nx: 2",
	}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	header := c.Serve.Streams[0].Header()
	if got := header.Values("Cookie"); len(got) != 1 || got[0] != "a=1; b=2; c=3" {
		t.Errorf("Cookie: %q", got)
	}
	if got := header.Values("X"); len(got) != 1 || got[0] != "1, 2" {
		t.Errorf("X: %q", got)
	}
}
