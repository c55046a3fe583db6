// Package canary is a source that ticks whatever the upstreams do. A client that
// receives its ticks knows that the poller, the hub and the connection work.
package canary

import (
	"context"
	"fmt"
	"time"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
)

// Stream is the name of the stream that a canary is for.
const Stream = hub.ReservedPrefix + "canary"

// Source counts its ticks. The zero value is ready to use.
type Source struct{ ticks uint64 }

var _ poller.Source = (*Source)(nil)

// Fetch returns
//
//	{"tick":7,"timestamp":"2026-01-02T15:04:05.678Z"}
//
// with the number of this call, from 1 upwards, and the time in UTC (RFC 3339,
// milliseconds). Its only error is that of a ctx that has ended.
func (s *Source) Fetch(ctx context.Context, _ poller.Version) (poller.Reading, error) {
	if err := ctx.Err(); err != nil {
		return poller.Reading{}, err
	}
	s.ticks++
	document := fmt.Sprintf(`{"tick":%d,"timestamp":"%s"}`, s.ticks, *hub.FormatTime(time.Now()))
	return poller.Reading{Document: []byte(document)}, nil
}
