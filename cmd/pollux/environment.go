package main

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

const variablePrefix = "POLLUX_"

// noVariable lists the flags that have no variable.
var noVariable = []string{"help", "no-env"}

// environment has the variables of a process, and remembers which were read.
type environment struct {
	values map[string]string // without those that are empty
	asked  map[string]bool
	apart  bool // the file is judged without its variables
}

// noEnvironment returns an environment without variables, for files that are judged
// without theirs.
func noEnvironment() *environment {
	e := newEnvironment(nil)
	e.apart = true
	return e
}

// processEnvironment returns the variables of the process.
func processEnvironment() *environment { return newEnvironment(os.Environ()) }

// newEnvironment returns these variables, NAME=VALUE each.
func newEnvironment(variables []string) *environment {
	e := &environment{values: make(map[string]string), asked: make(map[string]bool)}
	for _, variable := range variables {
		if name, value, _ := strings.Cut(variable, "="); value != "" {
			e.values[name] = value
		}
	}
	return e
}

// get returns the value of a variable. An empty variable counts as not set, because
// "${X:-}" in a Compose file sets an empty one.
func (e *environment) get(name string) string {
	e.asked[name] = true
	return e.values[name]
}

// Validate implements kong.Resolver.
func (e *environment) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver: it returns the value of a flag that is not on the
// command line.
func (e *environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if slices.Contains(noVariable, flag.Name) {
		return nil, nil
	}
	if value := e.get(config.VariableOf(flag.Name)); value != "" {
		return value, nil
	}
	return nil, nil
}

// unknownVariable is a variable with our prefix that nothing reads.
type unknownVariable struct{ name, nearest string }

// unknown returns the variables with our prefix that belong to no setting and to no
// flag of any command, are not used in the file, and are not set by an orchestrator.
func (e *environment) unknown(flags []string) []unknownVariable {
	var known []string
	for _, s := range config.Settings() {
		if s.Variable != "" {
			known = append(known, s.Variable)
		}
	}
	for _, flag := range flags {
		if !slices.Contains(noVariable, flag) {
			known = append(known, config.VariableOf(flag))
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	var unknown []unknownVariable
	for name := range e.values {
		if strings.HasPrefix(name, variablePrefix) && !slices.Contains(known, name) && !e.asked[name] && !e.ofService(name) {
			unknown = append(unknown, unknownVariable{name, config.Nearest(name, known)})
		}
	}
	slices.SortFunc(unknown, func(a, b unknownVariable) int { return strings.Compare(a.name, b.name) })
	return unknown
}

// serviceVariable is what Kubernetes, and links of Docker before it, set for each
// service and each of its ports.
var serviceVariable = regexp.MustCompile(`^(POLLUX(?:_[A-Z0-9_]+?)??)_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$`)

// ofService reports whether Kubernetes sets a variable for a service that is named
// pollux, or pollux-something. Kubernetes sets several variables for each service.
func (e *environment) ofService(name string) bool {
	match := serviceVariable.FindStringSubmatch(name)
	return match != nil && (match[1] == "POLLUX" || e.values[match[1]+"_SERVICE_HOST"] != "")
}
