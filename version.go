package pollux

import "runtime/debug"

// module is the path of this module.
const module = "github.com/polluxhub/pollux"

// Version returns the version of this module in the running program, "(devel)" if the
// build does not know it.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, one := range append(info.Deps, &info.Main) {
			if one.Path == module && one.Version != "" {
				return one.Version
			}
		}
	}
	return "(devel)"
}
