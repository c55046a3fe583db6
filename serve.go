package pollux

import (
	"context"
	"errors"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// Serve calls fetch at each interval, and serves every change of its result at the
// address, HOST:PORT, until ctx ends. A []byte or json.RawMessage that fetch returns is
// the JSON document itself; encoding/json encodes any other value. After an error
// clients keep the document that they have, and are told when it gets old. See
// [poller.Func], and [New] for everything else.
func Serve(ctx context.Context, address string, every time.Duration, fetch func(ctx context.Context) (any, error)) error {
	if address == "" || fetch == nil {
		return errors.New("pollux: Serve needs an address and a function")
	}
	p, err := New(Options{Listen: []string{address}, Streams: []Stream{{Poll: poller.Stream{Source: poller.Func(fetch), Every: every}}}})
	if err != nil {
		return err
	}
	return p.Run(ctx)
}
