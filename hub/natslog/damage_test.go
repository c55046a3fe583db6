package natslog_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/natslog"
	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// stores makes a store that was closed, and one as a SIGKILL leaves it, both with the same
// documents.
func stores(t *testing.T) (closed, killed string, want []string) {
	t.Helper()
	closed, killed = t.TempDir(), t.TempDir()
	log := start(t, closed, nil)
	for i := range 300 {
		stream := fmt.Sprint("s", i%3)
		id := log.append(t, stream, fmt.Sprintf(`{"n":%d,"text":"%0200d"}`, i, i))
		want = append(want, fmt.Sprint(id, stream, i))
	}
	if err := os.CopyFS(killed, os.DirFS(closed)); err != nil {
		t.Fatal(err)
	}
	log.stop(t)
	return closed, killed, want
}

// TestDamage damages each file of a store in several ways. Whatever is damaged, the log
// starts, has no wrong document, and either has them all in the epoch of before, or a new
// epoch, with the store set aside.
func TestDamage(t *testing.T) {
	closed, killed, want := stores(t)
	for what, store := range map[string]string{"closed": closed, "killed": killed} {
		for _, file := range files(t, store) {
			whole, err := os.ReadFile(filepath.Join(store, file))
			if err != nil {
				t.Fatal(err)
			}
			damages := map[string][]byte{"empty": {}, "garbage": []byte("garbage"), "truncated": whole[:len(whole)/2]}
			for _, part := range []int{0, 1, 2, 3, 4} {
				if len(whole) > 0 {
					flipped := slices.Clone(whole)
					flipped[(len(whole)-1)*part/4] ^= 0x10
					damages[fmt.Sprint("flipped in part ", part)] = flipped
				}
			}
			for how, damaged := range damages {
				t.Run(what+"/"+filepath.Base(file)+"/"+how, func(t *testing.T) {
					dir := t.TempDir()
					if err := os.CopyFS(dir, os.DirFS(store)); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(dir, file), damaged, 0o600); err != nil {
						t.Fatal(err)
					}
					afterDamage(t, dir, want)
				})
			}
			t.Run(what+"/"+filepath.Base(file)+"/removed", func(t *testing.T) {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(store)); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
				afterDamage(t, dir, want)
			})
		}
	}
}

func afterDamage(t *testing.T, dir string, want []string) {
	t.Helper()
	log := start(t, dir, func(o *natslog.Options, _ *embedded.Options) { o.Patience = patience }) // on a busy machine too
	if err := log.Failure(); err != nil {
		t.Fatal(err)
	}
	h, err := hub.New(hub.Options{Log: log, Streams: hub.Named("s0", "s1", "s2")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	<-h.Recovered()
	var got []string
	epoch := h.Position().Epoch()
	for _, e := range all(t, log).Events {
		var n int
		if _, err := fmt.Sscanf(string(e.Data()), `{"n":%d,"text":"`, &n); err != nil || string(e.Data()) != fmt.Sprintf(`{"n":%d,"text":"%0200d"}`, n, n) {
			t.Fatalf("wrong document %s", e.Data())
		}
		got = append(got, fmt.Sprint(e.ID(), e.Stream(), n))
	}
	aside, err := filepath.Glob(filepath.Join(dir, "jetstream.damaged-*"))
	if err != nil {
		t.Fatal(err)
	}
	same := strings.HasPrefix(want[0], epoch+"-")
	switch {
	case same && len(aside) == 0 && !slices.Equal(got, want):
		t.Errorf("%d documents of %d in the epoch of before", len(got), len(want))
	case same && len(aside) > 0:
		t.Errorf("set aside, and the epoch of before goes on")
	case !same && len(aside) == 0 && len(got) != len(want):
		t.Errorf("%d documents of %d in a new epoch, and nothing was set aside", len(got), len(want))
	}
	id, err := h.Publish(ctx, hub.Message{Stream: "s0", Data: []byte(`{"n":1000}`)})
	if err != nil {
		t.Error(err)
	}
	if same && id.Seq() <= 301 {
		t.Errorf("the ID %v was given out before", id)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	t.Logf("same epoch %v, set aside %v, documents %d", same, len(aside) > 0, len(got))
}

// files returns the files of a store.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		path, err = filepath.Rel(dir, path)
		list = append(list, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
