package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// broken are words of the warnings with which JetStream leaves out a stream.
var broken = []string{"metafile", "checksum", "unmarshal", "corrupt", "error recreating", "missing"}

// isBroken reports whether a warning says that a stream is left out. What JetStream says of
// its files of messages means little: it rebuilds their index after every SIGKILL, and
// whether messages are missing shows when they are counted.
func isBroken(text string) bool {
	text = strings.ToLower(text)
	return !strings.HasPrefix(text, "filestore [") && slices.ContainsFunc(broken, func(word string) bool { return strings.Contains(text, word) })
}

// inspectTimeout bounds how long the state of the stream is waited for.
const inspectTimeout = 10 * time.Second

// inspect returns why a store that was just started is damaged, or nil.
func (s *Server) inspect(ns *server.Server, notes []note) error {
	for _, one := range notes {
		if isBroken(one.text) {
			return errors.New(one.text)
		}
	}
	if s.opts.Cluster != nil {
		return s.inspectReplica(ns)
	}
	ctx, cancel := context.WithTimeout(context.Background(), inspectTimeout)
	defer cancel()
	info, err := s.streamInfo(ctx, ns)
	if err != nil {
		return err
	}
	switch {
	case info.Error != nil && s.least > 0:
		return errors.New(info.Error.Description)
	case info.Error != nil:
		return nil // there was no stream
	case len(info.State.Lost) > 0 && string(info.State.Lost) != "null":
		return fmt.Errorf("messages are lost: %.200s", info.State.Lost)
	case info.State.LastSeq < s.least:
		return fmt.Errorf("the newest message is %d, and %d was acknowledged", info.State.LastSeq, s.least)
	}
	return nil
}

// inspectReplica returns why what a server of a cluster keeps of the stream is damaged, or
// nil. It may lack the newest events, which the others have.
func (s *Server) inspectReplica(ns *server.Server) error {
	if own := s.replica(ns); own != nil && own.State.Lost != nil {
		return fmt.Errorf("%d messages are lost", len(own.State.Lost.Msgs))
	}
	return nil
}

// setAside renames a damaged store, so that a new one begins. That of a cluster is filled
// from the other servers.
func (s *Server) setAside(damage error) error {
	from := filepath.Join(s.opts.Dir, storeDir)
	to := from + ".damaged-" + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if s.opts.Cluster != nil {
		s.logger.Error("the store is damaged: it was set aside, and is filled again from the other nodes", "reason", damage, "now", to)
		return nil
	}
	s.least = 0
	s.mark.set(0)
	s.logger.Error("the store is damaged: it was set aside, and a new epoch begins", "reason", damage, "now", to)
	return nil
}

// Damaged implements [natslog.Server].
func (s *Server) Damaged(damage error) error {
	defer s.turn()()
	s.end()
	return s.setAside(damage)
}
