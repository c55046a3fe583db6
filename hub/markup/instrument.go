package markup

import (
	"errors"
	"html/template"
	"text/template/parse"
)

// errFormat is the error for a template whose printf has a format from elsewhere.
var errFormat = errors.New(`the format of printf has to be written in the template: {{printf "%.2f" .price}}`)

// instrument makes a template, and those that it defines, count its steps: at the
// beginning, and for each element of a range. It inserts an assignment, {{$_ := _step}}, which
// writes nothing and is not escaped. if and with get a pipeline that ends in _truth.
func instrument(t *template.Template, with *template.Template) error {
	insert := instruments{}
	for _, node := range with.Tree.Root.Nodes {
		insert = append(insert, node)
	}
	for _, one := range t.Templates() {
		if one.Tree == nil || one.Tree.Root == nil {
			continue
		}
		root := one.Tree.Root
		if err := insert.list(root); err != nil {
			return err
		}
		root.Nodes = append(append([]parse.Node{insert.enter()}, root.Nodes...), insert.leave())
	}
	return nil
}

// instruments are the nodes that are inserted, in the order of instrumentsText.
type instruments []parse.Node

const instrumentsText = "{{$_ := " + stepName + "}}{{$_ := " + enterName + "}}{{$_ := " + leaveName + "}}{{$_ := 0 | " + truthName + "}}"

func (i instruments) step() parse.Node  { return i[0].Copy() }
func (i instruments) enter() parse.Node { return i[1].Copy() }
func (i instruments) leave() parse.Node { return i[2].Copy() }

// truth returns the command _truth.
func (i instruments) truth() *parse.CommandNode {
	return i[3].Copy().(*parse.ActionNode).Pipe.Cmds[1] //nolint:forcetypeassert // see instrumentsText
}

// list instruments the nodes of a list and what they contain.
func (i instruments) list(list *parse.ListNode) error {
	if list == nil {
		return nil
	}
	var errs []error
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.RangeNode:
			errs = append(errs, i.branch(&n.BranchNode))
			n.List.Nodes = append([]parse.Node{i.step()}, n.List.Nodes...)
		case *parse.IfNode:
			errs = append(errs, i.branch(&n.BranchNode))
			n.Pipe.Cmds = append(n.Pipe.Cmds, i.truth())
		case *parse.WithNode:
			errs = append(errs, i.branch(&n.BranchNode))
			n.Pipe.Cmds = append(n.Pipe.Cmds, i.truth())
		case *parse.ActionNode:
			errs = append(errs, checkPipe(n.Pipe))
		case *parse.TemplateNode:
			errs = append(errs, checkPipe(n.Pipe))
		}
	}
	return errors.Join(errs...)
}

func (i instruments) branch(n *parse.BranchNode) error {
	return errors.Join(checkPipe(n.Pipe), i.list(n.List), i.list(n.ElseList))
}

// checkPipe refuses a printf whose format is not a text of the template.
func checkPipe(pipe *parse.PipeNode) error {
	if pipe == nil {
		return nil
	}
	for _, command := range pipe.Cmds {
		if name, ok := command.Args[0].(*parse.IdentifierNode); ok && name.Ident == "printf" {
			if len(command.Args) < 2 || command.Args[1].Type() != parse.NodeString {
				return errFormat
			}
		}
		for _, argument := range command.Args {
			if inner, ok := argument.(*parse.PipeNode); ok {
				if err := checkPipe(inner); err != nil {
					return err
				}
			}
			if chain, ok := argument.(*parse.ChainNode); ok {
				if inner, ok := chain.Node.(*parse.PipeNode); ok {
					if err := checkPipe(inner); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
