package hub_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/hub"
)

func TestCheckStream(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "default": true, "_canary": true, "A.b-c_9": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a,b": false, "a\nb": false, "é": false, "a/b": false,
		"error": false, "hb": false, "message": false, "open": false, "patch": false, "reset": false,
		"snapshot": false, "status": false,
	} {
		if err := hub.CheckStream(name); ok != (err == nil) || !ok && !errors.Is(err, hub.ErrInvalidStream) {
			t.Errorf("CheckStream(%q) = %v, want ok %v", name, err, ok)
		}
	}
}

func TestFrames(t *testing.T) {
	id, _ := hub.NewID("e", 7)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	for _, test := range []struct {
		name    string
		message hub.Message
		frame   string
	}{
		{
			"document", hub.Message{Stream: "a", Data: []byte(`{"x":1}`)},
			"id: e-7\ndata: {\"x\":1}\n\n",
		},
		{
			"lines", hub.Message{Data: []byte("a\rb\r\nc\nd")},
			"id: e-7\ndata: a\ndata: b\ndata: c\ndata: d\n\n",
		},
		{
			"status", hub.Message{Stream: "a", Status: &hub.Status{State: hub.Down, Since: at, Error: "http_503"}},
			"event: status\ndata: {\"stream\":\"a\",\"state\":\"down\",\"since\":\"2026-01-02T02:04:05.678Z\",\"lastSuccess\":null,\"error\":\"http_503\"}\n\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := hub.NewEvent(id, at, test.message)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.frame, string(e.Frame())); diff != "" {
				t.Errorf("Frame: %s", diff)
			}
			if test.message.Data != nil && string(e.Data()) != string(test.message.Data) {
				t.Errorf("Data is %q, want %q", e.Data(), test.message.Data)
			}
			if e.Kind() == hub.KindStatus && !json.Valid(e.Data()) {
				t.Errorf("status is no JSON: %s", e.Data())
			}
		})
	}
}

// The content of a document must not decide where the frame is searched for it.
func TestDataThatLooksLikeAFrame(t *testing.T) {
	id, _ := hub.NewID("e", 7)
	for _, data := range []string{"e", "id: e-7", "data: ", " ", "\n", "\n\n", "x\n", "\nx", "\r", ":"} {
		e, err := hub.NewEvent(id, time.Now(), hub.Message{Data: []byte(data)})
		if err != nil || string(e.Data()) != data {
			t.Errorf("data %q came back as %q, %v", data, e.Data(), err)
		}
	}
}
