package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func Example() {
	main()
	// Output:
	// a newcomer gets the newest event, {"n":1},
	// then what comes: {"n":2}
	// a subscriber that returns gets what it missed: {"n":2}
}

// A program that imports only the hub contains no web framework, no client of NATS and
// no metrics library.
func TestDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if !slices.Contains(packages, "github.com/polluxhub/pollux/hub") {
		t.Fatalf("the example does not use the hub: %v", packages)
	}
	for _, name := range packages {
		for _, owner := range []string{"github.com/labstack/", "github.com/nats-io/", "github.com/prometheus/"} {
			if strings.HasPrefix(name, owner) {
				t.Errorf("the hub needs %s", name)
			}
		}
		if name == "net/http" {
			t.Error("the hub needs net/http")
		}
	}
}
