package run

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/result"
)

// joinTimeout bounds how long one further client may take to join.
const joinTimeout = 10 * time.Second

// join has further clients join, one after the other, while events go out to all
// that are there, back to back.
func (s *session) join(ctx context.Context, hold *result.Hold, o Holding) error {
	if o.Joins == 0 {
		return nil
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.leader().Burst(ctx, load.Burst{Duration: o.JoinTime, Window: o.Window, Size: o.Size})
		ended <- err
	}()
	pause := o.JoinTime / time.Duration(o.Joins+1)
	var errs []error
	for range o.Joins {
		if err := sleep(ctx, pause); err != nil {
			errs = append(errs, err)
			break
		}
		took, err := s.joinOnce(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("run: a further client: %w", err))
			break
		}
		hold.Joins = append(hold.Joins, float64(took)/float64(time.Millisecond))
	}
	return errors.Join(append(errs, <-ended)...)
}

// joinOnce returns the time from the dialling to the first event.
func (s *session) joinOnce(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	start := time.Now()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", s.server.Address)
	if err != nil {
		return 0, err
	}
	defer conn.Close() //nolint:errcheck // it has served
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return 0, err
		}
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", s.peer.Path); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	body := bufio.NewReader(resp.Body)
	for {
		line, err := body.ReadString('\n')
		if err != nil {
			return 0, err
		}
		switch {
		case strings.HasPrefix(line, "event:"): // a status of a server that refuses the client
			return 0, fmt.Errorf("the answer begins with %q", line)
		case strings.HasPrefix(line, "data:"):
			return time.Since(start), nil
		}
	}
}
