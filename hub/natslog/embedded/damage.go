package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
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
	conn, err := nats.Connect("", nats.InProcessServer(ns))
	if err != nil {
		return fmt.Errorf("no connection: %w", err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), inspectTimeout)
	defer cancel()
	answer, err := conn.RequestWithContext(ctx, "$JS.API.STREAM.INFO."+s.opts.Stream, nil)
	if err != nil {
		return fmt.Errorf("no state of the stream: %w", err)
	}
	var info struct {
		State struct {
			LastSeq uint64          `json:"last_seq"`
			Lost    json.RawMessage `json:"lost"`
		} `json:"state"`
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &info); err != nil {
		return fmt.Errorf("no state of the stream: %w", err)
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

// setAside renames a damaged store, so that a new one begins.
func (s *Server) setAside(damage error) error {
	from := filepath.Join(s.opts.Dir, storeDir)
	to := from + ".damaged-" + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(from, to); err != nil {
		return err
	}
	s.least = 0
	s.mark.set(0)
	s.logger.Error("the store is damaged: it was set aside, and a new epoch begins", "reason", damage, "now", to)
	return nil
}

// Damaged implements [natslog.Server].
func (s *Server) Damaged(damage error) error {
	s.end()
	return s.setAside(damage)
}
