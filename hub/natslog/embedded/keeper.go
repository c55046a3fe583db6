package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// auditEvery is how often a server of a cluster is looked at.
	auditEvery = time.Second

	// auditTimeout bounds how long the writer may take to say what it has.
	auditTimeout = time.Second

	// differences is how often in a row it has to have other messages than the writer, with
	// the same newest one. A message is not removed from all servers at the same moment.
	differences = 5
)

// keep looks after a server of a cluster until ctx ends: it starts the server again after it
// has stored nothing any more, and sets its store aside if that lacks messages.
//
// JetStream does not notice all that it has lost. So a server compares how many messages it
// has with the writer. One that has fewer gets them again. One that has more makes the
// writer step down, which will find the same of itself then.
func (s *Server) keep(ctx context.Context) {
	tick := time.NewTicker(auditEvery)
	defer tick.Stop()
	fewer, more := 0, 0
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		now, health := s.now, s.health
		s.mu.Unlock()
		if now == nil || health.Err() != nil || !now.JetStreamEnabled() {
			if _, err := s.Start(ctx); err != nil && ctx.Err() == nil {
				s.logger.Debug("the node does not start", "error", err)
			}
			continue
		}
		lacks, known := s.audit(ctx, now)
		switch {
		case !known:
			continue
		case lacks > 0:
			fewer, more = fewer+1, 0
		case lacks < 0:
			fewer, more = 0, more+1
		default:
			fewer, more = 0, 0
		}
		var err error
		if fewer >= differences {
			fewer = 0
			err = s.Damaged(fmt.Errorf("%d messages are missing that the other nodes have", lacks))
		}
		if more >= differences {
			more = 0
			s.logger.Error("the node that orders the events lacks some, and is asked to step down", "missing", -lacks)
			err = s.stepDown(ctx, now)
		}
		if err != nil && ctx.Err() == nil {
			s.logger.Error("the cluster is not repaired", "error", err)
		}
	}
}

// audit returns how many messages the server lacks that the writer has. It is not known
// while the server is the writer, or one of them has newer messages than the other.
func (s *Server) audit(ctx context.Context, ns *server.Server) (lacks int, known bool) {
	own := s.replica(ns)
	if own == nil || own.Cluster == nil || own.Cluster.Leader == s.opts.Cluster.Node {
		return 0, false
	}
	waiting, enough := context.WithTimeout(ctx, auditTimeout)
	defer enough()
	writer, err := s.streamInfo(waiting, ns)
	if err != nil || writer.Error != nil || writer.State.LastSeq != own.State.LastSeq {
		return 0, false
	}
	return int(writer.State.Msgs) - int(own.State.Msgs), true
}

// replica returns what the server itself has of the stream, or nil.
func (s *Server) replica(ns *server.Server) *server.StreamDetail {
	info, err := ns.Jsz(&server.JSzOptions{Streams: true})
	if err != nil {
		return nil
	}
	for _, account := range info.AccountDetails {
		for i, stream := range account.Streams {
			if stream.Name == s.opts.Stream {
				return &account.Streams[i]
			}
		}
	}
	return nil
}

// stepDown asks the writer to let another server order the events.
func (s *Server) stepDown(ctx context.Context, ns *server.Server) error {
	waiting, enough := context.WithTimeout(ctx, auditTimeout)
	defer enough()
	var answer streamInfo
	if err := s.api(waiting, ns, "LEADER.STEPDOWN", &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return errors.New(answer.Error.Description)
	}
	return nil
}
