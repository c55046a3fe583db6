package natslog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// api sends a request to JetStream at a node.
func (r *rig) api(t *testing.T, subject, body string, answer any) error {
	t.Helper()
	conn, err := nats.Connect("", nats.InProcessServer(r.server))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	msg, err := conn.RequestWithContext(ctx, "$JS.API.STREAM."+subject+"."+natslog.DefaultName, []byte(body))
	if err != nil {
		return err
	}
	return json.Unmarshal(msg.Data, answer)
}

// lead makes a node order the events. An election takes up to nine seconds, if the one that was asked to
// step down does so before the node is ready.
func (g *group) lead(t *testing.T, i int) {
	t.Helper()
	var asked time.Time
	eventually(t, "node "+name(i)+" orders the events", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		v, err := g.nodes[i].server.View(ctx)
		if err == nil && v.Writer == name(i) {
			return true
		}
		if err == nil && v.Writer != "" && time.Since(asked) > 3*time.Second && slices.ContainsFunc(v.Members, func(m embedded.Member) bool { return m.Name == name(i) && m.Current }) {
			asked = time.Now()
			var done any
			_ = g.nodes[i].api(t, "LEADER.STEPDOWN", fmt.Sprintf(`{"placement":{"preferred":%q}}`, name(i)), &done) // it is tried again
		}
		return false
	})
}

// stored returns the sequences of the documents that the node which orders the events has.
func (g *group) stored(t *testing.T, i int) (list []uint64) {
	t.Helper()
	var info struct {
		State struct {
			First uint64 `json:"first_seq"`
			Last  uint64 `json:"last_seq"`
		} `json:"state"`
	}
	if err := g.nodes[i].api(t, "INFO", "", &info); err != nil {
		return nil // it is being started again
	}
	for seq := info.State.First; seq <= info.State.Last; seq++ {
		var answer struct {
			Message struct{ Subject string } `json:"message"`
		}
		if err := g.nodes[i].api(t, "MSG.GET", fmt.Sprintf(`{"seq":%d}`, seq), &answer); err != nil {
			return nil // likewise
		}
		if strings.HasPrefix(answer.Message.Subject, natslog.DefaultName+".d.") {
			list = append(list, seq)
		}
	}
	return list
}

// isAside reports whether a node has set a store aside.
func isAside(t *testing.T, dir string) bool {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "jetstream.damaged-*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(list) > 0
}

// Whatever happens to the files of one node, it has all events again afterwards, and they are
// those that the others have.
func TestDamagedNodeIsFilledAgain(t *testing.T) {
	t.Parallel()
	for what, damage := range map[string]func(file string, text []byte) []byte{
		"all files are gone": func(string, []byte) []byte { return nil },
		"garbage in the description of the stream": func(file string, text []byte) []byte {
			if strings.HasSuffix(file, "streams/pollux/meta.inf") {
				return []byte("garbage")
			}
			return text
		},
		"a byte of each block is another one": func(file string, text []byte) []byte {
			switch {
			case strings.HasSuffix(file, "pollux/msgs/index.db"):
				return nil
			case strings.Contains(file, "pollux/msgs/") && strings.HasSuffix(file, ".blk"):
				text[len(text)/2] ^= 1
			}
			return text
		},
		"the messages are gone": func(file string, text []byte) []byte {
			if strings.Contains(file, "pollux/msgs/") {
				return nil
			}
			return text
		},
		"half of each block is gone": func(file string, text []byte) []byte {
			if strings.HasSuffix(file, ".blk") {
				return text[:len(text)/2]
			}
			return text
		},
		"garbage in all files of the agreement": func(file string, text []byte) []byte {
			if strings.Contains(file, "$SYS") {
				return []byte("garbage")
			}
			return text
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t)
			var want []string
			for i := range 50 {
				data := fmt.Sprintf(`{"n":%d,"text":"%0200d"}`, i, i)
				want = append(want, line(g.append(t, 0, data), "s", false, []byte(data)))
			}
			g.same(t, want)
			g.stop(t, 2)
			for _, file := range files(t, g.dirs[2]) {
				path := filepath.Join(g.dirs[2], file)
				text, err := os.ReadFile(path)
				if errors.Is(err, fs.ErrNotExist) {
					continue // a server that has ended may still replace an index
				}
				if err != nil {
					t.Fatal(err)
				}
				if text = damage(file, text); text == nil {
					err = os.Remove(path)
				} else {
					err = os.WriteFile(path, text, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			g.startAll(t)
			sequences := g.stored(t, 0)
			eventually(t, "node c has all that the others have", func() bool {
				g.lead(t, 2)
				got := g.stored(t, 2)
				if got != nil && !slices.Equal(got, sequences) {
					// It has not noticed what it lacks, or it was asked in the middle of an election.
					g.lead(t, 0)
					for begin := time.Now(); time.Since(begin) < 15*time.Second && !isAside(t, g.dirs[2]); {
						time.Sleep(10 * time.Millisecond)
					}
				}
				return slices.Equal(got, sequences)
			})
			g.same(t, want)
		})
	}
}

// A node whose folder is empty is filled by the others. It tells nothing before it knows what they
// have, whichever node it is: the one that made the stream answers questions about it while it has
// nothing yet. No epoch begins.
func TestEmptiedNodeTellsNothingOfItsOwn(t *testing.T) {
	g := newGroup(t)
	var want []string
	for i := range g.nodes {
		for range 3 {
			data := fmt.Sprint(len(want))
			want = append(want, line(g.append(t, i, data), "s", false, []byte(data)))
		}
		g.same(t, want)
		g.stop(t, i)
		if err := os.RemoveAll(g.dirs[i]); err != nil {
			t.Fatal(err)
		}
		g.startAll(t)
		g.same(t, want)
		eventually(t, "node "+name(i)+" has everything", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			v, err := g.nodes[i].server.View(ctx)
			return err == nil && len(v.Members) == len(g.nodes) && !slices.ContainsFunc(v.Members, func(m embedded.Member) bool { return !m.Current })
		})
	}
}
