package test

import (
	"bufio"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// cluster has the objects of deploy/kubernetes, each of which is there once.
type cluster struct {
	config     core.ConfigMap
	deployment apps.Deployment
	service    core.Service
	disruption policy.PodDisruptionBudget
	network    networking.NetworkPolicy
	monitor    monitoring.ServiceMonitor
	scaler     autoscaling.HorizontalPodAutoscaler
}

// readCluster reads the files for Pollux without a cluster of its own.
func readCluster(t *testing.T) *cluster {
	t.Helper()
	c := new(cluster)
	readObjects(t, []string{"../kubernetes/pollux.yaml", "../kubernetes/monitoring/pollux.yaml"}, map[string]any{
		"v1 ConfigMap":                            &c.config,
		"apps/v1 Deployment":                      &c.deployment,
		"v1 Service":                              &c.service,
		"policy/v1 PodDisruptionBudget":           &c.disruption,
		"networking.k8s.io/v1 NetworkPolicy":      &c.network,
		"monitoring.coreos.com/v1 ServiceMonitor": &c.monitor,
		"autoscaling/v2 HorizontalPodAutoscaler":  &c.scaler,
	})
	return c
}

// readObjects reads files as the API server does that validates fields strictly. Each of the
// objects is there once. Those of which there are several kinds have their name behind.
func readObjects(t *testing.T, files []string, objects map[string]any) {
	t.Helper()
	for _, file := range files {
		documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(read(t, file))))
		for {
			text, err := documents.Read()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			var kind struct {
				APIVersion, Kind string
				Metadata         struct{ Name string }
			}
			if err := strict.Unmarshal(text, &kind); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			name := kind.APIVersion + " " + kind.Kind
			if objects[name] == nil {
				name += " " + kind.Metadata.Name
			}
			object := objects[name]
			if object == nil {
				t.Fatalf("%s: %s is unknown, or there twice", file, name)
			}
			delete(objects, name)
			if err := strict.UnmarshalStrict(text, object); err != nil {
				t.Errorf("%s: %s: %v", file, name, err)
			}
		}
	}
	for name := range objects {
		t.Errorf("no %s", name)
	}
}

func (c *cluster) container(t *testing.T) *core.Container {
	t.Helper()
	containers := c.deployment.Spec.Template.Spec.Containers
	if len(containers) != 1 {
		t.Fatalf("%d containers", len(containers))
	}
	return &containers[0]
}

// settings returns what the container starts with.
func (c *cluster) settings(t *testing.T) *settings {
	t.Helper()
	s := &settings{file: c.config.Data["pollux.yaml"], variables: make(map[string]string), secrets: []string{"/etc/pollux-admin/token"}}
	for _, variable := range c.container(t).Env {
		s.variables[variable.Name] = variable.Value
	}
	return s
}

// The program takes its file and its variables, and finds the file where it is mounted.
func TestKubernetesSettings(t *testing.T) {
	c := readCluster(t)
	s, container := c.settings(t), c.container(t)
	s.check(t)
	if len(container.Args) != 1 || !slices.Contains(commands(t), container.Args[0]) {
		t.Errorf("the arguments %q are no command", container.Args)
	}
	spec := c.deployment.Spec.Template.Spec
	mounted := make(map[string]core.VolumeSource)
	for _, mount := range container.VolumeMounts {
		at := slices.IndexFunc(spec.Volumes, func(v core.Volume) bool { return v.Name == mount.Name })
		if at < 0 {
			t.Fatalf("no volume %s", mount.Name)
		}
		mounted[mount.MountPath] = spec.Volumes[at].VolumeSource
	}
	if source := mounted[path.Dir(s.variables["POLLUX_CONFIG"])].ConfigMap; source == nil || source.Name != c.config.Name {
		t.Errorf("POLLUX_CONFIG is %s, which is not where the file is", s.variables["POLLUX_CONFIG"])
	}
	secret := mounted[path.Dir(s.secrets[0])].Secret
	credentials := c.monitor.Spec.Endpoints[0].Authorization.Credentials
	if secret == nil || secret.SecretName != credentials.Name || credentials.Key != path.Base(s.secrets[0]) {
		t.Errorf("the token for operators is not what Prometheus sends: %v, %v", secret, credentials)
	}
	if links := spec.EnableServiceLinks; links == nil || *links {
		t.Error("Kubernetes sets variables such as POLLUX_PORT")
	}
}

// The restricted profile of the Pod Security Standards, a root file system that is
// read-only, and no token of the API server.
func TestKubernetesSecurity(t *testing.T) {
	c := readCluster(t)
	pod, container := c.deployment.Spec.Template.Spec, c.container(t)
	yes := func(what string, holds bool) {
		if !holds {
			t.Errorf("not so: %s", what)
		}
	}
	is := func(p *bool, want bool) bool { return p != nil && *p == want }
	yes("it is not root", is(pod.SecurityContext.RunAsNonRoot, true) && *pod.SecurityContext.RunAsUser == 65532)
	yes("seccomp", pod.SecurityContext.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault)
	yes("no token", is(pod.AutomountServiceAccountToken, false))
	yes("a read-only root", is(container.SecurityContext.ReadOnlyRootFilesystem, true))
	yes("no more privileges", is(container.SecurityContext.AllowPrivilegeEscalation, false))
	yes("no capabilities", slices.Equal(container.SecurityContext.Capabilities.Drop, []core.Capability{"ALL"}) && len(container.SecurityContext.Capabilities.Add) == 0)
	yes("a limit of memory", !container.Resources.Limits.Memory().IsZero())
	yes("the user of the image", strings.Contains(read(t, root+"/Dockerfile"), "\nUSER 65532:65532\n"))
}

// Probes, services, policies and monitors name ports of the container, which are those that
// the program listens on, and routes that it answers.
func TestKubernetesPorts(t *testing.T) {
	c := readCluster(t)
	container, s := c.container(t), c.settings(t)
	url, admin := serve(t, "--admin-listen", "127.0.0.1:0")
	urls := map[string]string{"http": url, "admin": admin}
	listens := map[string]string{"http": s.port(t, "listen"), "admin": s.port(t, "admin_listen")}
	for _, port := range container.Ports {
		number := intstr.FromInt32(port.ContainerPort)
		if want := listens[port.Name]; number.String() != want {
			t.Errorf("port %s is %s, and the program listens on %q", port.Name, number.String(), want)
		}
	}
	exists := func(who string, port intstr.IntOrString) {
		if !slices.ContainsFunc(container.Ports, func(p core.ContainerPort) bool { return p.Name == port.StrVal }) {
			t.Errorf("%s: the container has no port %s", who, port.String())
		}
	}
	for name, probe := range map[string]*core.Probe{"startup": container.StartupProbe, "readiness": container.ReadinessProbe, "liveness": container.LivenessProbe} {
		exists(name, probe.HTTPGet.Port)
		if status := get(t, urls[probe.HTTPGet.Port.StrVal]+probe.HTTPGet.Path); status != 200 {
			t.Errorf("the %s probe %s answers %d", name, probe.HTTPGet.Path, status)
		}
	}
	for _, port := range c.service.Spec.Ports {
		exists("service", port.TargetPort)
	}
	for _, rule := range c.network.Spec.Ingress {
		for _, port := range rule.Ports {
			exists("network policy", *port.Port)
		}
	}
	for _, endpoint := range c.monitor.Spec.Endpoints {
		if !slices.ContainsFunc(c.service.Spec.Ports, func(p core.ServicePort) bool { return p.Name == endpoint.Port }) {
			t.Errorf("the service has no port %s", endpoint.Port)
		}
		if status := get(t, urls[endpoint.Port]+endpoint.Path); status != 200 {
			t.Errorf("%s answers %d", endpoint.Path, status)
		}
	}
}

// A pod that ends may take as long as it needs, and never are there fewer than asked for
// because of an update.
func TestKubernetesShutdown(t *testing.T) {
	c := readCluster(t)
	grace := time.Duration(*c.deployment.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	if need := c.settings(t).shutdown(t); grace <= need {
		t.Errorf("a pod has %s to end, and needs %s", grace, need)
	}
	if most := c.deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue(); most != 0 {
		t.Errorf("an update makes %d pods unavailable", most)
	}
}

// Each object that selects pods selects those of the deployment.
func TestKubernetesSelectors(t *testing.T) {
	c := readCluster(t)
	pods := labels.Set(c.deployment.Spec.Template.Labels)
	for name, selector := range map[string]map[string]string{
		"deployment":     c.deployment.Spec.Selector.MatchLabels,
		"service":        c.service.Spec.Selector,
		"disruption":     c.disruption.Spec.Selector.MatchLabels,
		"network policy": c.network.Spec.PodSelector.MatchLabels,
		"spread":         c.deployment.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels,
	} {
		if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(pods) {
			t.Errorf("the %s does not select the pods", name)
		}
	}
	if !labels.SelectorFromSet(c.monitor.Spec.Selector.MatchLabels).Matches(labels.Set(c.service.Labels)) {
		t.Error("the monitor does not select the service")
	}
	if target := c.scaler.Spec.ScaleTargetRef; target.Kind != "Deployment" || target.Name != c.deployment.Name {
		t.Errorf("the autoscaler scales %s %s", target.Kind, target.Name)
	}
	if least := c.scaler.Spec.MinReplicas; *least != *c.deployment.Spec.Replicas {
		t.Errorf("the autoscaler wants %d replicas, and the deployment %d", *least, *c.deployment.Spec.Replicas)
	}
}
