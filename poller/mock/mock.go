// Package mock is a source that needs no upstream. Each fetch returns the time, a
// random value, and a sentence with that value. It never fails.
package mock

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// values is the number of different values: 0 to 99.
const values = 100

// Source makes up documents. The zero value is ready to use.
type Source struct {
	// IntN returns a random number in [0, n). Nil means math/rand/v2. It is called
	// only by Fetch.
	IntN func(n int) int
}

var _ poller.Source = (*Source)(nil)

// Fetch returns
//
//	{"timestamp":"2026-01-02T15:04:05.678Z","value":42,"message":"Random update: 42"}
//
// with the time in UTC (RFC 3339, milliseconds) and a value from 0 to 99. Its
// only error is that of a ctx that has ended.
func (s *Source) Fetch(ctx context.Context, _ poller.Version) (poller.Reading, error) {
	if err := ctx.Err(); err != nil {
		return poller.Reading{}, err
	}
	intN := rand.IntN
	if s.IntN != nil {
		intN = s.IntN
	}
	value := intN(values)
	data, err := json.Marshal(struct {
		Timestamp string `json:"timestamp"`
		Value     int    `json:"value"`
		Message   string `json:"message"`
	}{
		Timestamp: *hub.FormatTime(time.Now()),
		Value:     value,
		Message:   fmt.Sprintf("Random update: %d", value),
	})
	if err != nil {
		return poller.Reading{}, err
	}
	return poller.Reading{Document: data}, nil
}
