package pollux

import (
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/hub"
)

func TestOptionsThatMakeNoSense(t *testing.T) {
	for name, opts := range map[string]Options{
		"AdminListen":       {AdminListen: "127.0.0.1:0"},
		"Key":               {Streams: []Stream{{Key: "id"}}},
		"LameDuck":          {LameDuck: -1},
		"twice":             {Streams: []Stream{{Name: "a"}, {Name: "a"}}},
		"History":           {Streams: []Stream{{History: -1}}},
		"TotalHistoryBytes": {Hub: hub.Options{TotalHistoryBytes: -1}},
		"AllowOrigins":      {HTTP: handlers.Options{AllowOrigins: []string{"example.com"}}},
	} {
		if _, err := New(opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServeNeedsAddressAndFunction(t *testing.T) {
	if err := Serve(t.Context(), "", 0, nil); err == nil {
		t.Error("it takes none")
	}
}
