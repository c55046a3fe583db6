package main

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

const (
	variablePrefix = "POLLUX_"
	tokenVariable  = variablePrefix + "PUBLISH_TOKEN" // has no flag
)

// envName is the variable that stands for a flag.
func envName(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// noVariable are flags that no variable stands for.
var noVariable = []string{"help", "no-env"}

// environment is what variables there are, and which of them somebody asked for.
type environment struct {
	values map[string]string // without those that are empty
	asked  map[string]bool
	apart  bool // nobody is to know what is set
}

// noEnvironment stands for one that is not known.
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

// get returns the value of a variable. An empty one counts as not set: that is what
// "${X:-}" in a Compose file makes of one that is not.
func (e *environment) get(name string) string {
	e.asked[name] = true
	return e.values[name]
}

// Validate implements kong.Resolver.
func (e *environment) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver: it gives a flag that is not on the command line its
// value.
func (e *environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if slices.Contains(noVariable, flag.Name) {
		return nil, nil
	}
	if value := e.get(envName(flag.Name)); value != "" {
		return value, nil
	}
	return nil, nil
}

// unknownVariable is one that looks like ours and that nobody reads.
type unknownVariable struct{ name, nearest string }

// unknown returns the variables that begin like ours, and are neither those of flags,
// of whatever command, nor asked for by a file, nor set by an orchestrator.
func (e *environment) unknown(flags []string) []unknownVariable {
	known := []string{tokenVariable}
	for _, flag := range flags {
		if !slices.Contains(noVariable, flag) {
			known = append(known, envName(flag))
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

// ofService reports whether a variable is set by Kubernetes for a service that is
// named pollux, or pollux-something: then others of it are set as well.
func (e *environment) ofService(name string) bool {
	match := serviceVariable.FindStringSubmatch(name)
	return match != nil && (match[1] == "POLLUX" || e.values[match[1]+"_SERVICE_HOST"] != "")
}
