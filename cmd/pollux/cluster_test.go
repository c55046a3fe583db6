package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polluxhub/pollux/internal/listen/listentest"
)

// clusterKills is the size of TestOwnCluster. make cluster-test has a larger one.
var clusterKills = flag.Int("cluster-kills", 1, "how often TestOwnCluster kills the node that orders the events")

// clusterNode is a node of a clusterRig.
type clusterNode struct {
	*process
	binary string
	name   string
	listen string
	route  string
	dir    string // of its events, and of its socket for operators; empty for a new one
}

// clusterRig is a cluster of processes, which have only each other.
type clusterRig struct {
	secret  string
	drain   time.Duration
	padding string // of documents
	nodes   []*clusterNode

	published []record
	clients   oracles
}

// eventsPath is what clients of a clusterRig read.
const eventsPath = "/api/sse?stream=events&replay=all"

// brief is how long a node takes to let its clients go, where nothing depends on that.
const brief = 50 * time.Millisecond

// newClusterRig starts nodes that have a binary, a listen and a route.
func newClusterRig(t *testing.T, nodes []*clusterNode, drain time.Duration) *clusterRig {
	t.Helper()
	r := &clusterRig{secret: filepath.Join(t.TempDir(), "secret"), drain: drain, nodes: nodes}
	if err := os.WriteFile(r.secret, []byte(strings.Repeat("secret", 6)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, node := range nodes {
		if node.name = string(rune('a' + i)); node.dir == "" {
			node.dir = t.TempDir()
		}
		r.start(t, i)
	}
	r.awaitReady(t)
	return r
}

// localNodes returns nodes at loopback addresses.
func localNodes(t *testing.T, size int) (nodes []*clusterNode) {
	t.Helper()
	for range size {
		node := &clusterNode{binary: testBinary}
		for _, address := range []*string{&node.listen, &node.route} {
			*address = listentest.FreeAddress(t)
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// start starts a node at its addresses.
func (r *clusterRig) start(t *testing.T, i int) {
	t.Helper()
	node := r.nodes[i]
	routes := make([]string, len(r.nodes))
	for i, other := range r.nodes {
		routes[i] = other.route
	}
	node.process = startProcess(t, node.binary, fmt.Sprintf(`listen: %s
public: true
admin_listen: unix:%s/admin.sock
drain: %v
log_format: json
publish_token: publisher
history: 100000
data: %s/data
node: %s
cluster_listen: %s
cluster_routes: ["%s"]
cluster_secret_file: %s
streams: [{name: events, push: true}]
`, node.listen, node.dir, r.drain, node.dir, node.name, node.route, strings.Join(routes, `", "`), r.secret))
	node.url = "http://" + node.listen
}

// kill ends a node at once.
func (r *clusterRig) kill(t *testing.T, i int) {
	t.Helper()
	r.nodes[i].signal(t, os.Kill)
	<-r.nodes[i].ended
}

// awaitReady waits until all nodes store events and have them all.
func (r *clusterRig) awaitReady(t *testing.T) {
	t.Helper()
	for _, node := range r.nodes {
		eventually(t, "node "+node.name+" is ready", func() bool {
			status, _ := request(t, http.MethodGet, node.url+"/readyz")
			return status == http.StatusOK
		})
		eventually(t, "node "+node.name+" sees all nodes as current", func() bool {
			info, err := node.view(t)
			return err == nil && len(info.Members) == len(r.nodes) && !slices.ContainsFunc(info.Members, func(m memberInfo) bool { return !m.Current || m.Lag > 0 })
		})
	}
}

// view returns how a node sees the cluster.
func (n *clusterNode) view(t *testing.T) (info clusterInfo, err error) {
	t.Helper()
	body, err := askOperator(t.Context(), "", "unix:"+n.dir+"/admin.sock", http.MethodGet, "/-/cluster")
	if err == nil {
		err = json.Unmarshal(body, &info)
	}
	return info, err
}

// writer returns the index of the node that orders the events, as another one sees it.
func (r *clusterRig) writer(t *testing.T, seen int) (index int) {
	t.Helper()
	eventually(t, "there is a writer", func() bool {
		view, err := r.nodes[seen].view(t)
		index = slices.IndexFunc(r.nodes, func(n *clusterNode) bool { return err == nil && view.Writer != nil && n.name == *view.Writer })
		return index >= 0
	})
	return index
}

// publish publishes the next document at one of these nodes, until it is acknowledged.
func (r *clusterRig) publish(t *testing.T, at ...int) {
	t.Helper()
	n := len(r.published) + 1
	one := record{document: fmt.Sprintf(`"%d%s"`, n, r.padding)}
	for began := time.Now(); time.Since(began) < longEnough; time.Sleep(20 * time.Millisecond) {
		for _, i := range at {
			var status int
			if status, one.id = tryPublish(t, r.nodes[i].url, one.document, fmt.Sprint("n", n)); status == http.StatusOK {
				one.node, one.at = r.nodes[i].url, time.Now()
				r.published = append(r.published, one)
				return
			}
		}
	}
	t.Fatalf("document %d is not published", n)
}

// tryPublish publishes once to the stream events, with a key of idempotency. The status is 0 if
// there is no answer.
func tryPublish(t *testing.T, url, document, key string) (status int, id string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/streams/events/events", strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer publisher")
	req.Header.Set("Idempotency-Key", key)
	resp, err := (&http.Client{Timeout: longEnough, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	var answer struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, ""
	}
	return resp.StatusCode, answer.ID
}

// listen has a client at each node until the test ends.
func (r *clusterRig) listen(t *testing.T) {
	t.Helper()
	for _, node := range r.nodes {
		list, _ := listening(t, 1, eventsPath, func() []string { return []string{node.url} })
		r.clients = append(r.clients, list...)
	}
}

// same checks that every document is stored once, in order, with the ID that its publisher got,
// however often it was tried, and that each client has got exactly that, and no reset.
func (r *clusterRig) same(t *testing.T) {
	t.Helper()
	last := r.published[len(r.published)-1]
	r.clients.await(t, last.id)
	a := readAccount(t, last.node, "events", last.id)
	if wrong := a.lacks(r.published); len(wrong) > 0 {
		t.Fatal(some(wrong))
	}
	if len(a.stored) != len(r.published) {
		t.Errorf("%d documents are stored, and %d were published", len(a.stored), len(r.published))
	}
	r.clients.expect(t, a)
	for i, one := range r.clients {
		if first := one.documents()[0]; first.id != a.stored[0].id {
			t.Errorf("client %d begins with %v", i, first)
		}
	}
}

// Three processes are a cluster: what is published at one is streamed by all with the same
// IDs, also after the node that orders the events was killed, and after all were restarted.
func TestOwnCluster(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t, localNodes(t, 3), brief)
	r.listen(t)
	for i := range 6 {
		r.publish(t, i%3)
	}
	r.same(t)
	var took []time.Duration
	for range *clusterKills {
		writer := r.writer(t, 0)
		others := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == writer })
		r.kill(t, writer)
		began := time.Now()
		r.publish(t, others...)
		took = append(took, time.Since(began))
		r.start(t, writer)
		r.awaitReady(t)
		r.publish(t, writer)
		r.same(t)
	}
	t.Logf("published again %v after the writer was killed, at most; %d times", slices.Max(took).Round(time.Millisecond), len(took))

	for _, node := range r.nodes {
		node.stop(t)
	}
	for i := range r.nodes {
		r.start(t, i)
	}
	r.awaitReady(t)
	r.publish(t, 1)
	r.same(t)
	epoch, _, _ := strings.Cut(r.published[0].id, "-")
	if last := r.published[len(r.published)-1].id; !strings.HasPrefix(last, epoch+"-") {
		t.Errorf("the epoch was %s, and the newest event is %s", epoch, last)
	}
	r.command(t)
}

// command checks what pollux cluster prints, and that without a majority nothing is stored.
func (r *clusterRig) command(t *testing.T) {
	t.Helper()
	printed := func() (string, error) {
		var out bytes.Buffer
		err := execute(t.Context(), nil, []string{"cluster", "--admin-listen", "unix:" + r.nodes[2].dir + "/admin.sock"}, &out, &out)
		return out.String(), err
	}
	all := ""
	eventually(t, "each node has told that it has read everything", func() bool { // one that is behind for a moment is not current
		out, err := printed()
		all = out
		return err == nil && len(regexp.MustCompile(`(?m)^[abc] +current .* 0 +0$`).FindAllString(out, -1)) == 3
	})
	if !strings.HasPrefix(all, "node c, 3 nodes, newest event ") || !strings.Contains(all, "leader") || !strings.Contains(all, "writer") {
		t.Errorf("pollux cluster:\n%s", all)
	}
	r.nodes[0].stop(t)
	r.nodes[1].stop(t)
	eventually(t, "there is no majority", func() bool {
		out, err := printed()
		return err != nil && strings.Count(out, " offline ") == 2 && strings.Contains(err.Error(), "a majority of its nodes is not there")
	})
	if status, _ := tryPublish(t, r.nodes[2].url, "0", "none"); status != http.StatusServiceUnavailable {
		t.Errorf("publishing without a majority: status %d", status)
	}
	getOK(t, r.nodes[2].url+"/livez")
	last := r.published[len(r.published)-1]
	if got := getOK(t, r.nodes[2].url+"/api/latest?stream=events"); got != last.document {
		t.Errorf("the newest document without a majority is %s, want %s", got, last.document)
	}
}
