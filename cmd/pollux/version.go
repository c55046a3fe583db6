package main

import (
	"runtime"
	"runtime/debug"
)

// release is set by the linker when a release is built:
// -ldflags "-X main.release=v1.2.3".
var release string

// version returns the release, else what the build knows of the module.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func versionLine() string {
	return "pollux " + version() + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
