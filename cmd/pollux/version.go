package main

import (
	"runtime"
	"runtime/debug"
)

// release is set by the linker when a release is built:
// -ldflags "-X main.release=v1.2.3".
var release string

// defaultListen is where the program listens unless it is told. The linker sets
// another for the image, whose loopback address nobody could reach:
// -ldflags "-X main.defaultListen=:3000".
var defaultListen = "127.0.0.1:3000"

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
