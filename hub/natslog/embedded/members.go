package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// View is a cluster as one of its servers sees it.
type View struct {
	Node    string   // the server
	Size    int      // how many servers there are, also those that are gone
	Leader  string   // who decides which servers keep what; empty without a majority
	Writer  string   // who orders the events; empty without a majority, and before the first start of all
	Last    uint64   // the newest event
	Members []Member // by name
}

// Member is one server of a cluster.
type Member struct {
	Name    string
	Online  bool          // it was heard a moment ago
	Current bool          // it has all events; only the writer knows that of others
	Lag     uint64        // how many steps it is behind
	Silent  time.Duration // since it was heard
}

// errNoCluster is returned for a server that is alone, or does not run.
var errNoCluster = errors.New("embedded: there is no cluster")

// View returns how the writer of the cluster sees it now, or, if it does not answer before
// ctx ends, how this server does.
func (s *Server) View(ctx context.Context) (*View, error) {
	s.mu.Lock()
	now := s.now
	s.mu.Unlock()
	if now == nil || s.opts.Cluster == nil {
		return nil, errNoCluster
	}
	info, err := now.Jsz(&server.JSzOptions{Streams: true})
	if err != nil || info.Meta == nil {
		return nil, errors.Join(errNoCluster, err)
	}
	v := &View{Node: s.opts.Cluster.Node, Size: info.Meta.Size, Leader: info.Meta.Leader}
	answer, err := s.streamInfo(ctx, now)
	if err == nil && answer.Error == nil && answer.Cluster != nil {
		v.Writer, v.Last = answer.Cluster.Leader, answer.State.LastSeq
		v.add(Member{Name: v.Writer, Online: true, Current: true})
		v.addPeers(answer.Cluster.Replicas)
	} else {
		v.add(Member{Name: v.Node, Online: true})
		v.addPeers(info.Meta.Replicas)
	}
	slices.SortFunc(v.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return v, nil
}

func (v *View) add(one Member) {
	if one.Name != "" && !slices.ContainsFunc(v.Members, func(m Member) bool { return m.Name == one.Name }) {
		v.Members = append(v.Members, one)
	}
}

func (v *View) addPeers(peers []*server.PeerInfo) {
	for _, peer := range peers {
		v.add(Member{Name: peer.Name, Online: !peer.Offline, Current: peer.Current && !peer.Offline, Lag: peer.Lag, Silent: peer.Active})
	}
}

// streamInfo is what JetStream says of a stream.
type streamInfo struct {
	State struct {
		Msgs    uint64          `json:"messages"`
		LastSeq uint64          `json:"last_seq"`
		Lost    json.RawMessage `json:"lost"`
	} `json:"state"`
	Cluster *server.ClusterInfo `json:"cluster"`
	Error   *struct {
		Description string `json:"description"`
	} `json:"error"`
}

func (s *Server) streamInfo(ctx context.Context, ns *server.Server) (*streamInfo, error) {
	info := new(streamInfo)
	if err := s.api(ctx, ns, "INFO", info); err != nil {
		return nil, fmt.Errorf("no state of the stream: %w", err)
	}
	return info, nil
}

// api sends a request about the stream to JetStream.
func (s *Server) api(ctx context.Context, ns *server.Server, what string, answer any) error {
	conn, err := nats.Connect("", nats.InProcessServer(ns))
	if err != nil {
		return err
	}
	defer conn.Close()
	msg, err := conn.RequestWithContext(ctx, "$JS.API.STREAM."+what+"."+s.opts.Stream, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(msg.Data, answer)
}
