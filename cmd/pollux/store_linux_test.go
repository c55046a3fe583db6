package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/capture"
)

// storeKills is the size of TestStoreSurvivesKills. make cluster-test has a larger one.
var storeKills = flag.Int("store-kills", 5, "how often TestStoreSurvivesKills kills the program")

// storing is a configuration with a folder.
func storing(dir string, lines ...string) string {
	return "listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\ndrain: 50ms\nlog_format: json\nhistory: 5000\npublish_token: publisher\ndata: " + dir + "\n" +
		strings.Join(lines, "\n") + "\n"
}

// publishNumber publishes a number, and returns its ID.
func publishNumber(url string, n int) (id string, err error) {
	req, err := http.NewRequest(http.MethodPost, url+"/api/streams/events/events", strings.NewReader(strconv.Itoa(n)))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer publisher")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s, %w", resp.StatusCode, text, err)
	}
	var answer struct{ ID string }
	return answer.ID, json.Unmarshal(text, &answer)
}

// stored is a document of which the publisher was told that it is stored.
type stored struct {
	n  int
	id string
}

// TestStoreSurvivesKills kills the program while two publishers publish. After each start every
// document that was acknowledged is there under its ID, in the order of the IDs and in the same
// epoch, and none came twice.
func TestStoreSurvivesKills(t *testing.T) {
	t.Parallel()
	defer http.DefaultClient.CloseIdleConnections()
	binary, dir := builtBinary(t), t.TempDir()
	var count atomic.Int64
	after, kept, longest := "", 0, time.Duration(0)
	var told []stored
	for life := range *storeKills + 1 {
		began := time.Now()
		p := startProcess(t, binary, storing(dir, "data_sync: "+[]string{"interval", "always"}[life%2], "streams: [{name: events, push: true}]"))
		longest = max(longest, time.Since(began))
		marker, err := publishNumber(p.url, int(count.Add(1)))
		if err != nil {
			t.Fatal(err)
		}
		if life > 0 {
			checkStored(t, p.url, after, marker, told)
			kept += len(told)
		}
		after = marker
		if life < *storeKills {
			told = publishUntilKilled(t, p, &count)
		}
	}
	t.Logf("%d kills, %d documents acknowledged, the longest start took %v", *storeKills, kept, longest)
}

// storePublishers is how many documents may be on their way when the program is killed.
const storePublishers = 2

// publishUntilKilled publishes numbers until some moment, and returns those that were acknowledged.
func publishUntilKilled(t *testing.T, p *process, count *atomic.Int64) (told []stored) {
	t.Helper()
	var mu sync.Mutex
	enough, most := make(chan struct{}), 1+rand.IntN(1000)
	var publishing sync.WaitGroup
	for range storePublishers {
		publishing.Go(func() {
			for {
				n := int(count.Add(1))
				id, err := publishNumber(p.url, n)
				if err != nil {
					return // it was killed
				}
				mu.Lock()
				if told = append(told, stored{n, id}); len(told) == most {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(longEnough): // on a slow disk these are fewer
	}
	time.Sleep(rand.N(2 * time.Millisecond)) // a moment within a request
	p.signal(t, os.Kill)
	<-p.ended
	publishing.Wait()
	if len(told) == 0 {
		t.Error("nothing was acknowledged")
	}
	return told
}

// checkStored reads from one ID to another, and compares that with what publishers were told. Of
// what each of them was not told, one may be there.
func checkStored(t *testing.T, url, after, marker string, told []stored) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longEnough)
	defer cancel()
	epoch := func(id string) string { return id[:strings.LastIndexByte(id, '-')] }
	if epoch(after) != epoch(marker) {
		t.Fatalf("%s is followed by %s", after, marker)
	}
	sequence := func(id string) uint64 {
		seq, err := strconv.ParseUint(id[strings.LastIndexByte(id, '-')+1:], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return seq
	}
	documents, last := make(map[string]int), sequence(after)
	seen := make(map[int]bool)
	if err := readLines(ctx, url+"/api/sse?stream=events", after, func(l leafLine) bool {
		switch l.Event {
		case "reset":
			t.Errorf("a client after %s gets a reset: %s", after, l.Data)
		case "message":
			var n int
			if err := json.Unmarshal(l.Data, &n); err != nil {
				t.Error(err)
			}
			if seq := sequence(l.ID); seq <= last || seen[n] {
				t.Errorf("%d comes with %s after %d", n, l.ID, last)
			}
			seen[n], last, documents[l.ID] = true, sequence(l.ID), n
		}
		return l.ID != marker
	}); err != nil {
		t.Fatal(err)
	}
	for _, one := range told {
		if n, ok := documents[one.id]; !ok || n != one.n {
			t.Errorf("%d was acknowledged as %s, which is %d (%v)", one.n, one.id, n, ok)
		}
	}
	if more := len(documents) - 1 - len(told); more < 0 || more > storePublishers {
		t.Errorf("%d documents are there that nobody was told of", more)
	}
}

// The first poll after a restart publishes nothing if the document is the same, and its client
// resumes.
func TestUnchangedDocumentAfterRestart(t *testing.T) {
	t.Parallel()
	var polls atomic.Int32
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		polls.Add(1)
		_, _ = io.WriteString(w, `{"a": 1}`)
	}))
	defer upstream.Close()
	config := storing(t.TempDir(), "streams:", entry("polled", upstream.URL, "every: 24h"))
	p := startProcess(t, testBinary, config)
	newest := func() (id string) {
		var list struct {
			Streams []struct{ LastEventID string }
		}
		if err := json.Unmarshal([]byte(getOK(t, p.url+"/api/streams")), &list); err != nil {
			t.Fatal(err)
		}
		return list.Streams[0].LastEventID
	}
	eventually(t, "there is a document", func() bool { return newest() != "" })
	first := newest()
	p.stop(t)
	p = startProcess(t, testBinary, config)
	eventually(t, "the upstream was polled", func() bool { return countersOf(t, p.admin)["polled"]["poll_requests unchanged"] == 1 })
	if n := polls.Load(); n != 2 {
		t.Errorf("%d polls", n)
	}
	if got := newest(); got != first {
		t.Errorf("the newest document is %s, and was %s", got, first)
	}
	if state := streamStates(t, p.url)["polled"]; state.State != "live" {
		t.Errorf("the stream is %s %s", state.State, state.Error)
	}
	p.stop(t)
}

// initLine is a line of GODEBUG=inittrace=1 of a package that only the store needs.
var initLine = regexp.MustCompile(`(?m)^init \S*nats\S* @.* clock, (\d+) bytes, \d+ allocs$`)

// A program that does not use the store has none of it: no goroutine, and little at the start.
func TestStoreCostsNothingUnused(t *testing.T) {
	binary := builtBinary(t)
	p := startProcess(t, binary, configuration("  - {name: a, push: true}\n"))
	goroutines := getOK(t, p.admin+"/debug/pprof/goroutine?debug=2")
	if !strings.Contains(goroutines, "hub.(*Hub).Run") {
		t.Error("these are not the goroutines of pollux")
	}
	for _, of := range []string{"nats", "embedded"} {
		if strings.Contains(goroutines, of) {
			t.Errorf("there is a goroutine of %s:\n%s", of, goroutines)
		}
	}
	p.stop(t)

	var trace capture.Output
	cmd := exec.Command(binary, "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	const most = 512 << 10
	sum := 0
	for _, line := range initLine.FindAllStringSubmatch(trace.String(), -1) {
		n, err := strconv.Atoi(line[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if sum == 0 || sum > most {
		t.Errorf("the packages of the store take %d bytes at the start, want %d at most", sum, most)
	}
}

// A folder that is in use, or cannot be made, is a mistake at the start.
func TestFolderInUse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	p := startProcess(t, testBinary, storing(dir, "streams: [{name: a, push: true}]"))
	var log capture.Output
	cmd := exec.Command(testBinary, "--push", "--listen", "127.0.0.1:0", "--data", dir)
	cmd.Stderr = &log
	if err := cmd.Run(); err == nil || !strings.Contains(log.String(), "another process uses") {
		t.Errorf("a second process: %v, %s", err, log.String())
	}
	p.stop(t)
}
