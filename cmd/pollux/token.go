package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/polluxhub/pollux/handlers/auth"
)

// tokenCommand makes a static token.
type tokenCommand struct {
	Name      string        `arg:"" help:"Who gets the token. It is for people, and has no spaces."`
	Subscribe []string      `placeholder:"NAME" help:"Streams and keys that the token can read. A name that ends in * is a prefix, and * alone means all. The flag may be repeated."`
	Publish   []string      `placeholder:"NAME" help:"Streams and keys that the token can publish to, likewise."`
	Expires   time.Duration `placeholder:"DURATION" help:"How long the token is valid, such as 720h. Default: for ever."`
	File      string        `placeholder:"FILE" help:"File of tokens to which the line for the token is added. Default: it is printed after the token."`
}

// run prints the token, which is kept nowhere.
func (c *tokenCommand) run(stdout io.Writer) error {
	s := auth.Static{Name: c.Name, Subscribe: c.Subscribe, Publish: c.Publish}
	switch {
	case len(c.Subscribe)+len(c.Publish) == 0:
		return &usageError{errors.New("a token that allows nothing: want --subscribe NAME, --publish NAME, or both")}
	case c.Expires < 0:
		return &usageError{errors.New("--expires: want a duration above 0, such as 720h")}
	case c.Expires > 0:
		s.Expires = time.Now().Add(c.Expires)
	}
	if err := s.Check(); err != nil {
		return &usageError{err}
	}
	token, s := auth.NewStatic(s)
	if c.File == "" {
		_, err := fmt.Fprintln(stdout, token+"\n"+s.Line())
		return err
	}
	if err := appendStatic(c.File, s); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, token)
	return err
}

// appendStatic adds a token to a file, and makes the file if it does not exist.
func appendStatic(path string, s auth.Static) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	line := s.Line() + "\n"
	if n := len(text); n > 0 && text[n-1] != '\n' {
		line = "\n" + line
	}
	if _, err := auth.ParseStatic(string(text) + line); err != nil {
		return &usageError{fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "auth: "))}
	}
	_, err = f.WriteString(line)
	return err
}
