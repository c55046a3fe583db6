package completion

import (
	"fmt"
	"strings"
)

// fish returns a script for fish 3.
func (p *Program) fish() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %[1]s: %[1]s completion fish | source\ncomplete -c %[1]s -f\n", p.Name)
	others := "not __fish_seen_subcommand_from"
	for _, name := range p.names() {
		if name != p.Default {
			others += " " + name
		}
	}
	none := "not __fish_seen_subcommand_from " + strings.Join(p.names(), " ")
	for _, c := range p.Commands {
		fmt.Fprintf(&b, "complete -c %s -n %s -a %s -d %s\n", p.Name, fishQuote(none), c.Name, fishQuote(c.Help))
	}
	for _, c := range p.Commands {
		when := "__fish_seen_subcommand_from " + c.Name
		if c.Name == p.Default {
			when = others
		}
		for _, f := range c.Flags {
			fmt.Fprintf(&b, "complete -c %s -n %s -l %s%s -d %s\n", p.Name, fishQuote(when), f.Name, f.Value.fish(), fishQuote(f.Help))
		}
		for _, arg := range c.Args {
			if arg.File {
				fmt.Fprintf(&b, "complete -c %s -n %s -F\n", p.Name, fishQuote(when))
			} else {
				fmt.Fprintf(&b, "complete -c %s -n %s -a %s\n", p.Name, fishQuote(when), fishQuote(strings.Join(arg.Choices, " ")))
			}
		}
	}
	return b.String()
}

// fish returns the options that say what may stand for a value. v may be nil.
func (v *Value) fish() string {
	switch {
	case v == nil:
		return ""
	case len(v.Choices) > 0:
		return " -x -a " + fishQuote(strings.Join(v.Choices, " "))
	case v.File:
		return " -r -F"
	default:
		return " -x"
	}
}

// fishQuote makes a text one word: within single quotes, fish reads \\ and \'.
func fishQuote(text string) string { return "'" + escape(text, `\'`) + "'" }
