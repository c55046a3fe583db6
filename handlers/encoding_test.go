package handlers_test

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
)

func TestCompressionIsNegotiated(t *testing.T) {
	r := newRig(t, setup{})
	r.broadcast(`"document"`)
	for accept, want := range map[string]bool{
		"":                              false,
		"gzip":                          true,
		"x-gzip":                        true,
		"GZIP":                          true,
		"gzip, deflate, br, zstd":       true,
		"br;q=1.0, gzip;q=0.8, *;q=0.1": true,
		"*":                             true,
		"*;q=0.5":                       true,
		"gzip;q=0":                      false,
		"gzip; q=0.0, *":                false,
		"br, *;q=0":                     false,
		"deflate, br":                   false,
		"identity":                      false,
		"identity;q=0.5, gzip;q=1":      true,
		"identity, gzip;q=0.5":          false,
		"gzip;q=2":                      false,
		"gzip;q=x":                      false,
	} {
		headers := []string{}
		if accept != "" {
			headers = append(headers, "Accept-Encoding: "+accept)
		}
		a, body := r.get("/api/sse?limit=1", headers...)
		if got := a.header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: gzip %v, want %v", accept, got, want)
			continue
		}
		if a.header.Get("Vary") != "Accept, Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary %q", accept, a.header.Get("Vary"))
		}
		if want {
			unpacked, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(unpacked) // the checksum included
			if err != nil {
				t.Fatal(err)
			}
			body = string(text)
		}
		if !strings.HasPrefix(body, "retry: ") || !strings.HasSuffix(body, "data: \"document\"\n\n") {
			t.Errorf("Accept-Encoding %q: %q", accept, body)
		}
	}
}

func TestCompressionCanBeSwitchedOff(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{DisableCompression: true}})
	r.broadcast("1")
	a, _ := r.get("/api/sse?limit=1", "Accept-Encoding: gzip")
	if a.header.Get("Content-Encoding") != "" || a.header.Get("Vary") != "Accept" {
		t.Errorf("headers %v", a.header)
	}
}
