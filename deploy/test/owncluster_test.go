package test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// ownCluster has the objects of deploy/kubernetes/cluster.yaml.
type ownCluster struct {
	config         core.ConfigMap
	set            apps.StatefulSet
	nodes, service core.Service
	disruption     policy.PodDisruptionBudget
	network        networking.NetworkPolicy
}

func readOwnCluster(t *testing.T) *ownCluster {
	t.Helper()
	c := new(ownCluster)
	readObjects(t, []string{"../kubernetes/cluster.yaml"}, map[string]any{
		"v1 ConfigMap":                       &c.config,
		"apps/v1 StatefulSet":                &c.set,
		"v1 Service pollux-nodes":            &c.nodes,
		"v1 Service pollux":                  &c.service,
		"policy/v1 PodDisruptionBudget":      &c.disruption,
		"networking.k8s.io/v1 NetworkPolicy": &c.network,
	})
	return c
}

// settings returns what the first pod starts with.
func (c *ownCluster) settings(t *testing.T) *settings {
	t.Helper()
	s := &settings{
		file: c.config.Data["pollux.yaml"], variables: map[string]string{"POLLUX_DATA": t.TempDir()},
		secrets: []string{"/etc/pollux-admin/token", "/etc/pollux-cluster/secret"},
	}
	for _, variable := range c.set.Spec.Template.Spec.Containers[0].Env {
		s.variables[variable.Name] = variable.Value
		if from := variable.ValueFrom; from != nil && from.FieldRef.FieldPath == "metadata.name" {
			s.variables[variable.Name] = c.set.Name + "-0"
		}
	}
	return s
}

// The program takes the settings of a pod, each pod is named in the list of nodes by the
// service that knows pods before they are ready, and files and folders are where they are
// mounted.
func TestOwnClusterOnKubernetes(t *testing.T) {
	c := readOwnCluster(t)
	s, spec := c.settings(t), c.set.Spec.Template.Spec
	container := spec.Containers[0]
	s.check(t)
	routes := s.value(t, "cluster_routes")
	var want []string
	for i := range *c.set.Spec.Replicas {
		want = append(want, fmt.Sprintf("%s-%d.%s:%s", c.set.Name, i, c.nodes.Name, s.port(t, "cluster_listen")))
	}
	if routes != fmt.Sprint(want) {
		t.Errorf("the nodes are %s, want %s", routes, want)
	}
	if c.set.Spec.ServiceName != c.nodes.Name || c.nodes.Spec.ClusterIP != core.ClusterIPNone || !c.nodes.Spec.PublishNotReadyAddresses {
		t.Error("pods have no names before they are ready")
	}
	if c.set.Spec.PodManagementPolicy != apps.ParallelPodManagement {
		t.Error("the second pod waits for the first one, which needs it")
	}
	if c.disruption.Spec.MaxUnavailable.IntValue() != 1 {
		t.Error("a majority may be evicted")
	}
	claim := c.set.Spec.VolumeClaimTemplates[0].Name
	for mounted, name := range map[string]string{
		path.Dir(s.variables["POLLUX_CONFIG"]): "config", path.Dir(s.secrets[0]): "admin", path.Dir(s.secrets[1]): "cluster", "/var/lib/pollux": claim,
	} {
		if !slices.ContainsFunc(container.VolumeMounts, func(m core.VolumeMount) bool { return m.MountPath == mounted && m.Name == name }) {
			t.Errorf("%s is not mounted at %s", name, mounted)
		}
	}
	if !strings.Contains(s.file, "\ndata: /var/lib/pollux/data\n") {
		t.Error("the events are not in the volume")
	}
	for _, port := range container.Ports {
		key := map[string]string{"http": "listen", "admin": "admin_listen", "nodes": "cluster_listen"}[port.Name]
		if got := fmt.Sprint(port.ContainerPort); got != s.port(t, key) {
			t.Errorf("port %s is %s, and %s is %s", port.Name, got, key, s.port(t, key))
		}
	}
	pods := labels.Set(c.set.Spec.Template.Labels)
	for name, selector := range map[string]map[string]string{
		"set": c.set.Spec.Selector.MatchLabels, "nodes": c.nodes.Spec.Selector, "service": c.service.Spec.Selector,
		"disruption": c.disruption.Spec.Selector.MatchLabels, "network policy": c.network.Spec.PodSelector.MatchLabels,
	} {
		if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(pods) {
			t.Errorf("the %s does not select the pods", name)
		}
	}
	for _, rule := range c.network.Spec.Ingress {
		for _, port := range rule.Ports {
			if port.Port.StrVal == "nodes" && (len(rule.From) != 1 || rule.From[0].PodSelector == nil || !labels.SelectorFromSet(rule.From[0].PodSelector.MatchLabels).Matches(pods)) {
				t.Error("others than the nodes reach their port")
			}
		}
	}
	if grace, need := time.Duration(*spec.TerminationGracePeriodSeconds)*time.Second, s.shutdown(t); grace <= need {
		t.Errorf("a pod has %s to end, and needs %s", grace, need)
	}
	security := container.SecurityContext
	if !*spec.SecurityContext.RunAsNonRoot || *spec.SecurityContext.FSGroup != 65532 || !*security.ReadOnlyRootFilesystem || *security.AllowPrivilegeEscalation || !slices.Equal(security.Capabilities.Drop, []core.Capability{"ALL"}) {
		t.Error("it may do more than it has to")
	}
}

// secretFile returns a file as the commands in the files make it.
func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Each of three services has a name and a volume of its own, and the rest in common, and the
// program takes the settings of each.
func TestOwnClusterOnCompose(t *testing.T) {
	project := compose(t, "compose.cluster.yaml")
	names := project.ServiceNames()
	if len(names) != 3 {
		t.Fatalf("services %q", names)
	}
	var routes []string
	for _, name := range names {
		routes = append(routes, name+":6222")
	}
	for _, name := range names {
		service := project.Services[name]
		s := &settings{file: read(t, "../compose/pollux/pollux.yaml"), variables: make(map[string]string)}
		for key, value := range service.Environment {
			s.variables[key] = *value
		}
		if s.variables["POLLUX_NODE"] != name || s.variables["POLLUX_CLUSTER_ROUTES"] != strings.Join(routes, ",") {
			t.Errorf("node %s is %s of %s", name, s.variables["POLLUX_NODE"], s.variables["POLLUX_CLUSTER_ROUTES"])
		}
		if at := "/run/secrets/" + service.Secrets[0].Source; s.variables["POLLUX_CLUSTER_SECRET_FILE"] != at {
			t.Errorf("the secret is at %s", at)
		}
		s.variables["POLLUX_CLUSTER_SECRET_FILE"], s.variables["POLLUX_DATA"] = secretFile(t), t.TempDir()
		s.check(t)
		volume := service.Volumes[1]
		if volume.Source != name || volume.Target != "/var/lib/pollux" || !strings.Contains(read(t, root+"/Dockerfile"), "WORKDIR /made/"+path.Base(volume.Target)+"\n") || !strings.Contains(read(t, root+"/Dockerfile"), "--chown=65532:65532 /made/ "+path.Dir(volume.Target)+"/\n") {
			t.Errorf("node %s keeps its events in %s, at %s", name, volume.Source, volume.Target)
		}
		if len(service.Ports) != 1 || service.Ports[0].Target != 3000 {
			t.Errorf("node %s publishes %v", name, service.Ports)
		}
		if grace, need := time.Duration(*service.StopGracePeriod), s.shutdown(t); grace <= need {
			t.Errorf("it has %s to end, and needs %s", grace, need)
		}
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) {
			t.Error("it may do more than it has to")
		}
	}
}
