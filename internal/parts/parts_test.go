package parts_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/polluxhub/pollux/internal/parts"
)

func waits(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// The first part that ends is told by name, and All waits for the others. A part that was
// told to end has not failed.
func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, late := errors.New("broken"), errors.New("late")
		ctx, stop := context.WithCancel(t.Context())
		fail := make(chan struct{})
		g := parts.Start(ctx, []parts.Part{
			{Name: "one", Run: waits},
			{Name: "two", Run: func(context.Context) error { <-fail; return broken }},
			{Name: "three", Run: func(ctx context.Context) error { <-ctx.Done(); return late }},
			{Name: "four", Run: func(ctx context.Context) error { <-ctx.Done(); return http.ErrServerClosed }},
		})
		close(fail)
		if ended, err := g.One(ctx); !ended || !errors.Is(err, broken) || err.Error() != "two: broken" {
			t.Errorf("ended %v with %v", ended, err)
		}
		stop()
		if err := g.All(); !errors.Is(err, late) || err.Error() != "three: late" {
			t.Errorf("all ended with %v", err)
		}
	})
}

func TestContextEndsBeforeAnyPart(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	g := parts.Start(ctx, []parts.Part{{Name: "one", Run: waits}})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if ended, err := g.One(over); ended || err != nil {
		t.Errorf("ended %v with %v", ended, err)
	}
	stop()
	if err := g.All(); err != nil {
		t.Error(err)
	}
}
