package config

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// variablePrefix begins the name of each variable of Pollux.
const variablePrefix = "POLLUX_"

// noVariable lists the flags that have no variable.
var noVariable = []string{"help", "no-env", "probe", "subscribe", "publish", "expires", "file"}

// Environment has the variables of a process, and remembers which were read.
type Environment struct {
	values map[string]string // without those that are empty
	asked  map[string]bool
	apart  bool // the file is judged without its variables
}

// NoEnvironment returns an environment without variables, for files that are judged
// without theirs.
func NoEnvironment() *Environment {
	e := NewEnvironment(nil)
	e.apart = true
	return e
}

// ProcessEnvironment returns the variables of the process.
func ProcessEnvironment() *Environment { return NewEnvironment(os.Environ()) }

// NewEnvironment returns these variables, NAME=VALUE each.
func NewEnvironment(variables []string) *Environment {
	e := &Environment{values: make(map[string]string), asked: make(map[string]bool)}
	for _, variable := range variables {
		if name, value, _ := strings.Cut(variable, "="); value != "" {
			e.values[name] = value
		}
	}
	return e
}

// Get returns the value of a variable. An empty variable counts as not set, because
// "${X:-}" in a Compose file sets an empty one.
func (e *Environment) Get(name string) string {
	e.asked[name] = true
	return e.values[name]
}

// Validate implements kong.Resolver.
func (e *Environment) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver: it returns the value of a flag that is not on the
// command line.
func (e *Environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if slices.Contains(noVariable, flag.Name) {
		return nil, nil
	}
	if value := e.Get(VariableOf(flag.Name)); value != "" {
		return value, nil
	}
	return nil, nil
}

// UnknownVariable is a variable with our prefix that nothing reads.
type UnknownVariable struct{ Name, Nearest string }

// Unknown returns the variables with our prefix that belong to no setting and to no
// flag of any command, are not used in the file, and are not set by an orchestrator.
func (e *Environment) Unknown(flags []string) []UnknownVariable {
	var known []string
	for _, s := range Settings() {
		if s.Variable != "" {
			known = append(known, s.Variable)
		}
	}
	for _, flag := range flags {
		if !slices.Contains(noVariable, flag) {
			known = append(known, VariableOf(flag))
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	var unknown []UnknownVariable
	for name := range e.values {
		if strings.HasPrefix(name, variablePrefix) && !slices.Contains(known, name) && !e.asked[name] && !e.ofService(name) {
			unknown = append(unknown, UnknownVariable{name, Nearest(name, known)})
		}
	}
	slices.SortFunc(unknown, func(a, b UnknownVariable) int { return strings.Compare(a.Name, b.Name) })
	return unknown
}

// serviceVariable is what Kubernetes, and links of Docker before it, set for each
// service and each of its ports.
var serviceVariable = regexp.MustCompile(`^(POLLUX(?:_[A-Z0-9_]+?)??)_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$`)

// ofService reports whether Kubernetes sets a variable for a service that is named
// pollux, or pollux-something. Kubernetes sets several variables for each service.
func (e *Environment) ofService(name string) bool {
	match := serviceVariable.FindStringSubmatch(name)
	return match != nil && (match[1] == "POLLUX" || e.values[match[1]+"_SERVICE_HOST"] != "")
}
