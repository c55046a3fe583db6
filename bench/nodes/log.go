package nodes

import (
	"context"

	"github.com/polluxhub/pollux/bench/proc"
)

// sharedLog is what the nodes have their events from.
type sharedLog interface {
	// configuration is what makes a Pollux its node, as lines of YAML.
	configuration(node string) string
	// sent returns what was sent to the nodes so far.
	sent(ctx context.Context) (Traffic, error)
	processes() proc.Group
	close() error
}
