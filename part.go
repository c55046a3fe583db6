package pollux

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// part is one of what runs together. run has to end soon after ctx has.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// named adds the name of the part to an error. Ending because it was told to is no
// failure.
func (p part) named(err error) error {
	if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", p.name, err)
}

// group is of parts that run, each in a goroutine.
type group struct {
	running int        // parts whose end was not received
	ended   chan error // has room for all of them
}

// start runs the parts until ctx ends.
func start(ctx context.Context, parts []part) *group {
	g := &group{running: len(parts), ended: make(chan error, len(parts))}
	for _, p := range parts {
		go func() { g.ended <- p.named(p.run(ctx)) }()
	}
	return g
}

// one waits until ctx ends, or a part has. It reports whether a part has, and returns
// its error.
func (g *group) one(ctx context.Context) (ended bool, err error) {
	select {
	case <-ctx.Done():
		return false, nil
	case err := <-g.ended:
		g.running--
		return true, err
	}
}

// all waits for all other parts, and joins their errors.
func (g *group) all() error {
	var errs []error
	for ; g.running > 0; g.running-- {
		errs = append(errs, <-g.ended)
	}
	return errors.Join(errs...)
}
