// Package completion writes scripts with which shells complete the command line of a
// program: its commands, their flags, and the values of flags that have a choice.
//
// A script has all of that in it, so a shell does not start the program to complete.
// [Read] makes a [Program] of what package kong knows, and [Program.Script] writes the
// script for a shell.
package completion

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Program is what can be completed of a program.
type Program struct {
	Name     string
	Default  string // the command that runs if none is named
	Commands []Command
}

// Command is one command of a program, with the flags that all commands have.
type Command struct {
	Name  string
	Help  string
	Flags []Flag
	Args  []Value // positional arguments
}

// Flag is one flag, without the dashes.
type Flag struct {
	Name     string
	Help     string
	Value    *Value // nil if the flag takes none
	Repeated bool
}

// Value is what follows a flag, or a positional argument.
type Value struct {
	Name    string   // in capitals, as help shows it
	Choices []string // empty: anything
	File    bool     // the value names a file
}

// Shells returns the names of the shells that have scripts.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Script returns the script for one of [Shells], and "" for any other.
func (p *Program) Script(shell string) string {
	switch shell {
	case "bash":
		return p.bash()
	case "zsh":
		return p.zsh()
	case "fish":
		return p.fish()
	default:
		return ""
	}
}

// Read returns what can be completed of a program. choices returns the values that a flag
// can have, nil if there are too many to name.
func Read(root *kong.Application, choices func(*kong.Flag) []string) *Program {
	p := &Program{Name: root.Name}
	for _, node := range root.Children {
		if node == root.DefaultCmd {
			p.Default = node.Name
		}
		c := Command{Name: node.Name, Help: first(node.Help)}
		for _, flag := range slices.Concat(node.Flags, root.Flags) {
			if flag.Hidden {
				continue
			}
			f := Flag{Name: flag.Name, Help: first(flag.Help), Repeated: flag.IsCumulative()}
			if !flag.IsBool() {
				f.Value = newValue(flag.FormatPlaceHolder(), choices(flag))
			}
			c.Flags = append(c.Flags, f)
		}
		for _, arg := range node.Positional {
			var choices []string
			if arg.Enum != "" {
				choices = arg.EnumSlice()
			}
			c.Args = append(c.Args, *newValue(strings.ToUpper(arg.Name), choices))
		}
		p.Commands = append(p.Commands, c)
	}
	return p
}

func newValue(name string, choices []string) *Value {
	return &Value{Name: strings.Trim(name, "'"), Choices: choices, File: name == "FILE"}
}

// first returns the first sentence of a text, without its full stop.
func first(text string) string {
	sentence, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(sentence, ".")
}

// command returns the command that runs if none is named, which has its flags then.
func (p *Program) command() *Command {
	for i := range p.Commands {
		if p.Commands[i].Name == p.Default {
			return &p.Commands[i]
		}
	}
	return &Command{}
}

// names returns the names of all commands.
func (p *Program) names() []string {
	names := make([]string, len(p.Commands))
	for i, c := range p.Commands {
		names[i] = c.Name
	}
	return names
}

// withValues returns the names of the flags of any command that take a value, each once,
// with the dashes.
func (p *Program) withValues() []string {
	var names []string
	for _, c := range p.Commands {
		for _, f := range c.Flags {
			if name := "--" + f.Name; f.Value != nil && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// quote makes a text one word of a shell of the Bourne family.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
