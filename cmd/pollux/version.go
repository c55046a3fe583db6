package main

import (
	"cmp"
	"runtime"

	"github.com/polluxhub/pollux"
)

// release is set by the linker when a release is built:
// -ldflags "-X main.release=v1.2.3".
var release string

// version returns the release, else what the build knows of the module.
func version() string {
	return cmp.Or(release, pollux.Version())
}

func versionLine() string {
	return "pollux " + version() + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
