// Command pollux polls an API and streams each change to all clients, as Server-Sent
// Events.
//
// It turns flags, environment and file into the options of package pollux, which is
// the program itself, and signals into its end.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1 // something broke while running
	exitUsage   = 2 // invalid command line or configuration
)

func main() {
	ctx, hangups := catchSignals()
	os.Exit(run(ctx, hangups, os.Args[1:], os.Stdout, os.Stderr))
}

// usageError is a mistake in the command line or the configuration. Its text is one line
// that names what is wrong and what would be right.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// run executes one command line and returns the exit status.
func run(ctx context.Context, hangups <-chan os.Signal, args []string, stdout, stderr io.Writer) int {
	err := execute(ctx, hangups, args, stdout, stderr)
	if err == nil {
		return exitOK
	}
	lastWord(stderr, fmt.Sprintf("pollux: %v\n", err))
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

// lastWordTimeout is how long the write of the last line to standard error may take.
const lastWordTimeout = time.Second

// lastWord writes why the program ends, and gives up after lastWordTimeout. The exit
// status says it in any case.
func lastWord(stderr io.Writer, text string) {
	said := make(chan struct{})
	go func() {
		defer close(said)
		_, _ = io.WriteString(stderr, text) // there is nobody else to tell
	}()
	timer := time.NewTimer(lastWordTimeout)
	defer timer.Stop()
	select {
	case <-said:
	case <-timer.C:
	}
}
