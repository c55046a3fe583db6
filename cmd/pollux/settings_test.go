package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// sample returns a value that a setting can have and that is not its default.
func sample(s *config.Setting) string {
	switch {
	case s.Is == "origin":
		return "https://a.example"
	case s.Is == "network":
		return "10.0.0.0/8"
	case s.Key == "listen":
		return ":1"
	case s.Key == "cluster_routes":
		return "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3"
	case s.Type.Kind() == reflect.Bool:
		return map[string]string{"true": "false", "false": "true"}[s.Default]
	case s.Example != s.Default:
		return s.Example
	case len(s.Choices) > 0 && s.Choices[0] != s.Default:
		return s.Choices[0]
	case len(s.Choices) > 0:
		return s.Choices[1]
	case s.Placeholder == "DURATION":
		return "500ms"
	default:
		return "7"
	}
}

// required returns the settings that one requires, and those that they require, but not
// the one that is tested.
func required(s *config.Setting, tested string) (text string) {
	if strings.HasPrefix(s.Key, "cluster_") {
		return requiredInCluster(s)
	}
	for _, other := range config.Settings() {
		if other.Key == s.With && other.Key != tested {
			text = other.Key + ": " + literal(other, sample(other)) + "\n"
			if other.With != s.Key {
				text += required(other, s.Key)
			}
		}
	}
	return text
}

// requiredInCluster returns what a setting of a node requires.
func requiredInCluster(s *config.Setting) (text string) {
	keys := []string{"data", "node", "cluster_listen", "cluster_routes"}
	if certificates := []string{"cluster_cert_file", "cluster_key_file", "cluster_ca_file"}; slices.Contains(certificates, s.Key) {
		keys = append(keys, certificates...)
	}
	for _, other := range config.Settings() {
		if other.Key != s.Key && slices.Contains(keys, other.Key) {
			text += other.Key + ": " + literal(other, sample(other)) + "\n"
		}
	}
	return text
}

// literal returns the value of a setting as it is written in a file.
func literal(s *config.Setting, value string) string {
	switch {
	case s.IsList():
		return "[\"" + strings.ReplaceAll(value, ",", `", "`) + "\"]"
	case s.Type.Kind() == reflect.Int, s.Type.Kind() == reflect.Bool:
		return value
	default:
		return "\"" + value + "\""
	}
}

// Each setting is read from its flag, from its variable and from its key in the file,
// and is in the help with its default.
func TestEverySetting(t *testing.T) {
	t.Parallel()
	var help bytes.Buffer
	if _, _, err := parse([]string{"serve", "--help"}, &help, io.Discard); err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(help.String()), " ")
	file := filepath.Join(t.TempDir(), "pollux.yaml")
	with := ""                // what the setting requires
	streams := "canary: 1s\n" // none for a leaf, which has those of its origin
	read := func(variables []string, key, value string, flags ...string) (config.Config, error) {
		text := streams + with
		if key != "" {
			text += key + ": " + value + "\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, _, err := parseIn(config.NewEnvironment(variables), append([]string{"serve", "--config", file}, flags...), io.Discard, io.Discard)
		if err != nil {
			return config.Config{}, err
		}
		return c.Serve.Config, nil
	}
	unset, err := read(nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range config.Settings() {
		if s.Flag == "" {
			continue
		}
		isBool := s.Type.Kind() == reflect.Bool
		if !strings.Contains(words, "--"+s.Flag+"=") && !isBool || !strings.Contains(words, "--"+s.Flag) || !strings.Contains(words, s.Help) || !strings.Contains(words, s.Usage()) && !isBool {
			t.Errorf("the help does not show --%s as it is declared", s.Flag)
		}
		value := sample(s)
		with = required(s, s.Key)
		if streams = "canary: 1s\n"; strings.HasPrefix(s.Key, "follow") {
			streams = "listen: 127.0.0.1:1\n"
		}
		inFile := literal(s, value)
		fromFlag, err := read(nil, "", "", "--"+s.Flag+"="+value)
		if err != nil {
			t.Error(err)
		}
		fromVariable, err := read([]string{s.Variable + "=" + value}, "", "")
		if err != nil {
			t.Error(err)
		}
		fromFile, err := read(nil, s.Key, inFile)
		if err != nil {
			t.Error(err)
		}
		plain := cmp.Exporter(func(reflect.Type) bool { return true })
		if cmp.Equal(unset, fromFlag, plain) {
			t.Errorf("--%s %s changes nothing", s.Flag, value)
		}
		if diff := cmp.Diff(fromFlag, fromVariable, plain) + cmp.Diff(fromFlag, fromFile, plain); diff != "" {
			t.Errorf("%s differs with its source:\n%s", s.Key, diff)
		}
	}
}
