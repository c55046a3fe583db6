package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/subject"
)

// natsPackage is the server, in the version that Pollux is built with.
const natsPackage = "github.com/nats-io/nats-server/v2"

// natsServer is one NATS server with JetStream.
type natsServer struct {
	cmd     *exec.Cmd
	address string
	monitor string
	http    *http.Client
}

// startNATS builds the server and starts it, with its store in dir.
func startNATS(ctx context.Context, root, dir string, core int) (s *natsServer, err error) {
	binary := filepath.Join(dir, "nats-server")
	if err := subject.Build(ctx, root, binary, natsPackage); err != nil {
		return nil, err
	}
	s = &natsServer{http: &http.Client{Timeout: 10 * time.Second}}
	for _, address := range []*string{&s.address, &s.monitor} {
		if *address, err = subject.FreeAddress(ctx); err != nil {
			return nil, err
		}
	}
	config := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\nhttp: %q\njetstream { store_dir: %q }\n", s.address, s.monitor, filepath.Join(dir, "store"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(binary, "-c", config) //nolint:gosec,noctx // it was built here, and close ends it
	if err := proc.StartOn(core, s.cmd); err != nil {
		return nil, err
	}
	if err := await(ctx, func() error { _, err := get(ctx, s.http, s.monitor, "/healthz"); return err }); err != nil {
		return nil, errors.Join(fmt.Errorf("nodes: NATS does not start: %w", err), s.close())
	}
	return s, nil
}

func (s *natsServer) configuration(node string) string {
	return fmt.Sprintf("nats: [%q]\nnats_replicas: 1\nnode: %s\n%s", "nats://"+s.address, node, streams)
}

// sent returns what the server has counted: messages with their headers, but not the lines of the
// protocol around them.
func (s *natsServer) sent(ctx context.Context) (t Traffic, err error) {
	text, err := get(ctx, s.http, s.monitor, "/varz")
	if err != nil {
		return t, err
	}
	var counts struct {
		Messages float64 `json:"out_msgs"`
		Bytes    float64 `json:"out_bytes"`
	}
	err = json.Unmarshal(text, &counts)
	return Traffic{Messages: counts.Messages, Bytes: counts.Bytes}, err
}

func (s *natsServer) processes() proc.Group { return proc.Group{s.cmd.Process.Pid} }

func (s *natsServer) close() error {
	s.http.CloseIdleConnections()
	return proc.Stop(s.cmd)
}
