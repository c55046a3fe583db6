package main

import (
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
)

// pollers are nodes of which one polls, by name.
type pollers struct {
	binary string
	config func(name string) string

	mu    sync.Mutex
	nodes map[string]*process
}

func newPollers(t *testing.T, config func(name string) string) *pollers {
	t.Helper()
	return &pollers{binary: builtBinary(t), config: config, nodes: map[string]*process{}}
}

// begin starts a node.
func (p *pollers) begin(t *testing.T, name string) {
	t.Helper()
	node := startProcess(t, p.binary, p.config(name))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes[name] = node
}

// end ends a node as an operator would, who lets no new clients go there.
func (p *pollers) end(t *testing.T, name string) {
	t.Helper()
	p.mu.Lock()
	node := p.nodes[name]
	delete(p.nodes, name)
	p.mu.Unlock()
	node.stop(t)
}

// kill ends a node at once. Clients still try to go there.
func (p *pollers) kill(t *testing.T, name string) {
	t.Helper()
	node := p.node(name)
	node.signal(t, os.Kill)
	<-node.ended
}

// names returns the names of the nodes, sorted.
func (p *pollers) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.nodes))
}

// urls returns where the nodes are.
func (p *pollers) urls() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, node := range p.nodes {
		list = append(list, node.url)
	}
	return list
}

// node returns a node.
func (p *pollers) node(name string) *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nodes[name]
}

// holder waits until all nodes agree who polls a stream, and returns its name.
func (p *pollers) holder(t *testing.T, stream string) (name string) {
	t.Helper()
	eventually(t, "all nodes know who polls", func() bool {
		names := p.names()
		name = polledBy(t, p.node(names[0]).url, stream)
		return p.node(name) != nil && !slices.ContainsFunc(names, func(other string) bool { return polledBy(t, p.node(other).url, stream) != name })
	})
	return name
}
