package embedded

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/polluxhub/pollux/hub/natslog"
)

// state is what is known of the last run of a store.
type state struct {
	Boot  string `json:"boot"`  // the run of the machine; empty if unknown
	Sync  Sync   `json:"sync"`  // how events were forced to disk
	Clean bool   `json:"clean"` // the run has ended, with everything on disk

	// Node is the server of a cluster that the store belongs to; empty without a cluster.
	Node string `json:"node,omitempty"`
}

const (
	stateFile = "state.json"
	markFile  = "head"
)

// bootID returns the name that the Linux kernel gives to the present run of the machine,
// and "" on other systems.
func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(bytes.TrimSpace(text)), err
}

// begin reads what is known of the last run, and says whether a new epoch has to begin.
func (s *Server) begin() (renew bool, err error) {
	boot, err := s.opts.BootID()
	if err != nil {
		return false, err
	}
	last, known, err := readState(filepath.Join(s.opts.Dir, stateFile))
	if err != nil {
		return false, err
	}
	if s.opts.Cluster != nil {
		return false, s.belong(boot, last, known)
	}
	if last.Node != "" {
		return false, fmt.Errorf("%w: %s is of node %s of a cluster, and not of a server that is alone: want another folder", natslog.ErrStart, s.opts.Dir, last.Node)
	}
	if s.mark == nil {
		if s.mark, err = openMark(filepath.Join(s.opts.Dir, markFile)); err != nil {
			return false, err
		}
	}
	sameRun := boot != "" && boot == last.Boot
	s.state = state{Boot: boot, Sync: s.opts.Sync}
	switch _, missing := os.Stat(filepath.Join(s.opts.Dir, storeDir)); {
	case errors.Is(missing, fs.ErrNotExist) && !known && !s.mark.valid:
		s.least = 0
		return false, nil // a new store
	case !known || !s.mark.valid && sameRun:
		s.logger.Warn("what is known of the last run is missing or damaged, so a new epoch begins", "dir", s.opts.Dir)
		s.least = s.mark.seq
		return true, nil
	case !last.Clean && !sameRun && last.Sync != SyncAlways:
		s.logger.Warn("the machine has stopped without a clean end, so a new epoch begins", "dir", s.opts.Dir, "data_sync", string(last.Sync))
		s.least = 0 // the head may be on disk without the events
		return true, nil
	}
	s.least = s.mark.seq
	return false, nil
}

// belong makes the directory that of a server of the cluster. JetStream would remove the
// events of one that was alone, because the cluster does not know them.
func (s *Server) belong(boot string, last state, known bool) error {
	node := s.opts.Cluster.Node
	store := filepath.Join(s.opts.Dir, storeDir)
	_, missing := os.Stat(store)
	isNew := errors.Is(missing, fs.ErrNotExist)
	if !known { // the state may be damaged, and the store is not
		_, err := os.Stat(filepath.Join(store, "$SYS"))
		last.Node, isNew = node, isNew || err == nil
	}
	switch {
	case !isNew && (!known || last.Node == ""):
		return fmt.Errorf("%w: %s has the events of a server without a cluster: want an empty folder", natslog.ErrStart, s.opts.Dir)
	case !isNew && last.Node != node:
		return fmt.Errorf("%w: %s is of node %s, and this is %s: want a folder for each node", natslog.ErrStart, s.opts.Dir, last.Node, node)
	}
	s.least = 0
	s.state = state{Boot: boot, Sync: s.opts.Sync, Node: node}
	return s.writeState()
}

// Opened implements [natslog.Server].
func (s *Server) Opened(seq uint64) error {
	if s.opts.Cluster != nil {
		return nil
	}
	s.mark.set(seq)
	return s.writeState()
}

// finish notes a clean end: everything is on disk.
func (s *Server) finish() error {
	if s.state == (state{}) {
		return nil
	}
	if err := syncTree(s.opts.Dir); err != nil {
		return err
	}
	s.state.Clean = true
	return s.writeState()
}

// writeState replaces the file of the state at once, and forces it to disk.
func (s *Server) writeState() error {
	text, err := json.Marshal(s.state)
	if err != nil {
		return err
	}
	path := filepath.Join(s.opts.Dir, stateFile)
	if err := writeSynced(path+".new", append(text, '\n')); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncOne(s.opts.Dir)
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640) //nolint:gosec // G304: a file of the folder that the operator has named
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// readState reports false for a file that is missing or damaged.
func readState(path string) (last state, known bool, err error) {
	text, err := os.ReadFile(path) //nolint:gosec // G304: a file of the folder that the operator has named
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, false, nil
	}
	if err != nil {
		return state{}, false, err
	}
	if err := json.Unmarshal(text, &last); err != nil || last.Sync != SyncAlways && last.Sync != SyncInterval {
		return state{}, false, nil //nolint:nilerr // it is damaged
	}
	return last, true, nil
}

// syncTree forces all files below a directory to disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !entry.IsDir() && !entry.Type().IsRegular():
			return nil
		}
		return syncOne(path)
	})
}

func syncOne(path string) error {
	f, err := os.Open(path) //nolint:gosec // G304: a file of the folder that the operator has named
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// mark is the newest sequence that was acknowledged, in a file.
type mark struct {
	file  *os.File
	seq   uint64
	valid bool // the file had a sequence when it was opened
}

// markSize is the sequence and its CRC-32C, in bytes.
const markSize = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func openMark(path string) (*mark, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640) //nolint:gosec // G304: a file of the folder that the operator has named
	if err != nil {
		return nil, err
	}
	m := &mark{file: f}
	var text [markSize]byte
	if n, _ := f.ReadAt(text[:], 0); n == markSize && binary.BigEndian.Uint32(text[8:]) == crc32.Checksum(text[:8], castagnoli) {
		m.seq, m.valid = binary.BigEndian.Uint64(text[:8]), true
	}
	return m, nil
}

// set notes a sequence. An error is no failure of the log: only a check at the next start
// has less to go by.
func (m *mark) set(seq uint64) {
	var text [markSize]byte
	binary.BigEndian.PutUint64(text[:8], seq)
	binary.BigEndian.PutUint32(text[8:], crc32.Checksum(text[:8], castagnoli))
	if _, err := m.file.WriteAt(text[:], 0); err == nil {
		m.seq, m.valid = seq, true
	}
}

func (m *mark) close() error {
	if err := m.file.Close(); err != nil {
		return fmt.Errorf("embedded: %s: %w", markFile, err)
	}
	return nil
}
