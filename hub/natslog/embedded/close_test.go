package embedded

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// awaitHalf waits for half of the time that is left. Without a deadline it waits until something
// is sent.
func TestAwaitHalf(t *testing.T) {
	failure := errors.New("a failure")
	for name, test := range map[string]struct {
		left, takes, want time.Duration
		ok                bool
	}{
		"in time":       {10 * time.Second, 5*time.Second - 1, 5*time.Second - 1, true},
		"late":          {10 * time.Second, 5*time.Second + 1, 5 * time.Second, false},
		"nothing left":  {-time.Second, time.Second, 0, false},
		"without bound": {0, time.Hour, time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.left != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.left)
					defer cancel()
				}
				sent := make(chan error, 1)
				time.AfterFunc(test.takes, func() { sent <- failure })
				begin := time.Now()
				ok, err := awaitHalf(ctx, sent)
				if took := time.Since(begin); ok != test.ok || ok && !errors.Is(err, failure) || !ok && err != nil || took != test.want {
					t.Errorf("%v, %v after %v, want %v after %v", ok, err, took, test.ok, test.want)
				}
			})
		})
	}
}
