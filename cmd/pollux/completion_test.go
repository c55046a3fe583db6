package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/cmd/pollux/completion"
	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// The scripts know each command, each setting that has a flag, and its choices.
func TestCompletionKnowsEverySetting(t *testing.T) {
	for _, shell := range completion.Shells() {
		var stdout, stderr strings.Builder
		if status := run(t.Context(), nil, []string{"completion", shell}, &stdout, &stderr); status != exitOK {
			t.Fatalf("%s: status %d: %s", shell, status, stderr.String())
		}
		has := func(words string) {
			if !regexp.MustCompile(`(^|[^a-z-])` + words + `([^a-z-]|$)`).MatchString(stdout.String()) {
				t.Errorf("%s: no %s", shell, words)
			}
		}
		for _, command := range []string{"serve", "check", "health", "version", "completion"} {
			has(command)
		}
		for _, s := range config.Settings() {
			if s.Flag == "" {
				continue
			}
			flag := "--" + s.Flag
			if shell == "fish" {
				flag = "-l " + s.Flag
			}
			has(flag)
			if len(s.Choices) > 0 {
				has(strings.Join(s.Choices, " "))
			}
		}
	}
}
