// Package parts runs the goroutines of a program together: each has a name, all are told
// to end by one context, and [Group.All] waits for every one of them.
package parts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Part is a goroutine with a name. Run has to end soon after its context has.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}

// named adds the name of the part to an error. Ending because it was told to is no
// failure.
func (p Part) named(err error) error {
	if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", p.Name, err)
}

// Group is a set of parts that run. It belongs to one goroutine.
type Group struct {
	running int        // parts whose end was not received
	ended   chan error // has room for all of them
}

// Start runs the parts until ctx ends.
func Start(ctx context.Context, parts []Part) *Group {
	g := &Group{running: len(parts), ended: make(chan error, len(parts))}
	for _, p := range parts {
		go func() { g.ended <- p.named(p.Run(ctx)) }()
	}
	return g
}

// One waits until ctx ends or a part ends. It reports whether a part has ended, and
// returns the error of that part.
func (g *Group) One(ctx context.Context) (ended bool, err error) {
	select {
	case <-ctx.Done():
		return false, nil
	case err := <-g.ended:
		g.running--
		return true, err
	}
}

// All waits for all other parts, and joins their errors.
func (g *Group) All() error {
	var errs []error
	for ; g.running > 0; g.running-- {
		errs = append(errs, <-g.ended)
	}
	return errors.Join(errs...)
}
