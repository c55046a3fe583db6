package completion

import (
	"fmt"
	"strings"
)

// zsh returns a script for zsh 5. It may be read by source, after compinit, or lie as _NAME
// in a directory of fpath.
func (p *Program) zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, `#compdef %[1]s
# zsh completion for %[1]s: source <(%[1]s completion zsh)
_%[1]s() {
  local command= i
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
    (%[2]s) ((++i)) ;;
    (%[3]s) command=$words[i]; break ;;
    esac
  done
  if [[ -n $command ]]; then
    words=(%[1]s ${words[i+1,-1]})
    ((CURRENT -= i - 1))
  fi
  case $command in
`, p.Name, strings.Join(p.withValues(), "|"), strings.Join(p.names(), "|"))
	names := make([]string, len(p.Commands))
	for i, c := range p.Commands {
		names[i] = c.Name + `\:"` + escape(c.Help, `\"`+"`$") + `"`
	}
	p.command().arguments(&b, "''", "1:command:(("+strings.Join(names, " ")+"))")
	for _, c := range p.Commands {
		var args []string
		for i, arg := range c.Args {
			args = append(args, fmt.Sprintf("%d%s", i+1, arg.action()))
		}
		c.arguments(&b, c.Name, args...)
	}
	fmt.Fprintf(&b, `  esac
}
if [[ $funcstack[1] == _%[1]s ]]; then
  _%[1]s "$@"
else
  compdef _%[1]s %[1]s
fi
`, p.Name)
	return b.String()
}

// arguments writes the case of a command, with its flags and these arguments.
func (c *Command) arguments(b *strings.Builder, pattern string, args ...string) {
	fmt.Fprintf(b, "  (%s) _arguments", pattern)
	for _, f := range c.Flags {
		spec := "--" + f.Name
		if f.Value != nil {
			spec += "="
		}
		spec += "[" + escape(f.Help, `\[]:`) + "]"
		if f.Value != nil {
			spec += f.Value.action()
		}
		if f.Repeated {
			spec = "*" + spec
		}
		fmt.Fprintf(b, " \\\n    %s", quote(spec))
	}
	for _, arg := range args {
		fmt.Fprintf(b, " \\\n    %s", quote(arg))
	}
	b.WriteString(" ;;\n")
}

// action tells _arguments what may stand for a value.
func (v *Value) action() string {
	action := " "
	switch {
	case len(v.Choices) > 0:
		action = "(" + strings.Join(v.Choices, " ") + ")"
	case v.File:
		action = "_files"
	}
	return ":" + escape(v.Name, `\:`) + ":" + action
}

// escape puts a backslash before each of the characters of special.
func escape(text, special string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
