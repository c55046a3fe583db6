package pollux

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// names returns the names of all metrics of a registry.
func names(t *testing.T, r *prometheus.Registry) string {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, family := range families {
		all = append(all, family.GetName())
	}
	return strings.Join(all, " ")
}

func TestRegisterer(t *testing.T) {
	status := func(p *Pollux) int { return get(t, mount(t, p, nil).URL+"/live/metrics").StatusCode }
	if got := status(newPollux(t, Options{})); got != http.StatusOK {
		t.Errorf("without a Registerer /metrics answers %d", got)
	}
	r := prometheus.NewRegistry()
	p := newPollux(t, Options{Registerer: r})
	if got := status(p); got != http.StatusNotFound {
		t.Errorf("with a Registerer /metrics answers %d", got)
	}
	if got := names(t, r); !strings.Contains(got, "pollux_clients") || strings.Contains(got, "go_") {
		t.Errorf("registered are: %s", got)
	}
	if _, err := New(Options{Registerer: r}); err == nil {
		t.Error("two have the same names")
	}
	if err := run(t, p)(); err != nil {
		t.Error(err)
	}
	if got := names(t, r); got != "" {
		t.Errorf("after the end registered are: %s", got)
	}
}
