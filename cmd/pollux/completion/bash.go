package completion

import (
	"fmt"
	"strings"
)

// bash returns a script for bash 4.1 or later. It needs no package of functions for
// completion. Bash splits words at "=", so --flag=value comes as three.
func (p *Program) bash() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# bash completion for %[1]s: source <(%[1]s completion bash)
_%[1]s() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= i
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
    %[2]s)
      [[ ${COMP_WORDS[i+1]} != = ]] || ((++i))
      ((++i)) ;;
    %[3]s)
      command=${COMP_WORDS[i]}
      break ;;
    esac
  done
  COMPREPLY=()
  case ${command:-%[4]s},$previous in
`, p.Name, strings.Join(p.withValues(), "|"), strings.Join(p.names(), "|"), p.Default)
	for _, c := range p.Commands {
		var free []string
		for _, f := range c.Flags {
			switch at := c.Name + ",--" + f.Name; {
			case f.Value == nil:
			case len(f.Value.Choices) > 0:
				fmt.Fprintf(&b, "  %s) COMPREPLY=($(compgen -W %s -- \"$current\")); return ;;\n", at, quote(strings.Join(f.Value.Choices, " ")))
			case f.Value.File:
				fmt.Fprintf(&b, "  %s) compopt -o default; return ;;\n", at)
			default:
				free = append(free, at)
			}
		}
		if len(free) > 0 {
			fmt.Fprintf(&b, "  %s) return ;;\n", strings.Join(free, "|"))
		}
	}
	b.WriteString("  esac\n  case $command in\n")
	line := func(pattern string, words []string) {
		fmt.Fprintf(&b, "  %s) COMPREPLY=($(compgen -W %s -- \"$current\")) ;;\n", pattern, quote(strings.Join(words, " ")))
	}
	line("''", append(p.names(), p.command().flags()...))
	for _, c := range p.Commands {
		var args []string
		for _, arg := range c.Args {
			args = append(args, arg.Choices...)
			if arg.File {
				fmt.Fprintf(&b, "  %s) [[ $current == -* ]] || { compopt -o default; return; } ;;&\n", c.Name)
			}
		}
		line(c.Name, append(args, c.flags()...))
	}
	fmt.Fprintf(&b, "  esac\n}\ncomplete -F _%[1]s %[1]s\n", p.Name)
	return b.String()
}

// flags returns the names of the flags of a command, with the dashes.
func (c *Command) flags() []string {
	names := make([]string, len(c.Flags))
	for i, f := range c.Flags {
		names[i] = "--" + f.Name
	}
	return names
}
