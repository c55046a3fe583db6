package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// FlagNames returns the names of all flags of all commands.
func FlagNames(command *kong.Node) []string {
	var names []string
	for _, flag := range command.Flags {
		names = append(names, flag.Name)
	}
	for _, child := range command.Children {
		names = append(names, FlagNames(child)...)
	}
	return names
}

// DeclareFlags gives the flags of settings what their tags declare: how a value is read,
// the help, and the default. Package kong must not set the default, because a field
// that is nil has its value from the file.
func DeclareFlags(command *kong.Node) {
	if command.Name == "serve" {
		for _, flag := range command.Flags {
			declareFlag(flag)
		}
	}
	for _, child := range command.Children {
		DeclareFlags(child)
	}
}

func declareFlag(flag *kong.Flag) {
	is := func(s *Setting) bool { return s.Flag == flag.Name }
	settings := Settings()
	at := slices.IndexFunc(settings, is)
	if at < 0 { // of the one stream, which has a flag here if it has no help of its own
		settings = StreamSettings()
		at = slices.IndexFunc(settings, func(s *Setting) bool { return s.Key == flag.Name && flag.Help == "" })
	}
	if at < 0 {
		return
	}
	s := settings[at]
	flag.Help, flag.HasDefault = s.Usage(), false
	if flag.IsBool() {
		flag.Help = s.Help
		return
	}
	flag.PlaceHolder = s.Placeholder
	flag.Mapper = kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("value", &text); err != nil {
			return err
		}
		if len(s.Choices) > 0 {
			text = strings.ToLower(text)
		}
		if text == "" && s.Key == "admin_listen" { // an empty value switches it off, whatever the file says
			return nil
		}
		return s.Decode(target, text)
	})
}

// WithVariable names the variable beside the flag that an error of kong begins with:
// the value may have come from either.
func WithVariable(err error) error {
	flag, rest, found := strings.Cut(err.Error(), ": ")
	name, isFlag := strings.CutPrefix(flag, "--")
	if !found || !isFlag || strings.ContainsAny(name, " =") {
		return err
	}
	if wrong, ok := errors.AsType[*ValueError](err); ok {
		return fmt.Errorf("%s (%s) %w", flag, VariableOf(name), wrong)
	}
	return fmt.Errorf("%s (%s): %s", flag, VariableOf(name), rest)
}
