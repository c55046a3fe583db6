package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose loads files together, as docker compose -f does. An unknown key is an error.
func compose(t *testing.T, files ...string) *types.Project {
	t.Helper()
	for i, file := range files {
		files[i] = "../compose/" + file
	}
	options, err := cli.NewProjectOptions(files, cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("%q: %v", files, err)
	}
	return project
}

// Each set of files that the comments name is one that Compose takes, and in each of them
// the program takes its settings, is published as it says, and has time to end.
func TestCompose(t *testing.T) {
	for _, test := range []struct {
		files     []string
		published []string // "service host:port"
	}{
		{[]string{"compose.yaml"}, []string{"pollux 3000:3000"}},
		{[]string{"compose.yaml", "compose.nginx.yaml"}, []string{"nginx 80:80", "nginx 443:443"}},
		{[]string{"compose.yaml", "compose.monitoring.yaml"}, []string{"grafana 3001:3000", "pollux 3000:3000"}},
		{[]string{"compose.yaml", "compose.nats.yaml"}, []string{"other 3001:3000", "pollux 3000:3000"}},
		{[]string{"compose.yaml", "compose.leaves.yaml"}, []string{"leaf 3001:3000", "other-leaf 3002:3000", "pollux 3000:3000"}},
		{[]string{"compose.yaml", "compose.nginx.yaml", "compose.monitoring.yaml"}, []string{"grafana 3001:3000", "nginx 80:80", "nginx 443:443"}},
	} {
		project := compose(t, test.files...)
		var published []string
		for _, name := range project.ServiceNames() {
			service := project.Services[name]
			for _, port := range service.Ports {
				published = append(published, fmt.Sprintf("%s %s:%d", name, port.Published, port.Target))
			}
			for _, volume := range service.Volumes {
				if volume.Type != types.VolumeTypeBind || filepath.Base(volume.Source) == "tls" { // the operator has that one
					continue
				}
				if _, err := os.Stat(volume.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if !slices.Equal(published, test.published) {
			t.Errorf("%q publish %q, want %q", test.files, published, test.published)
		}
		pollux := project.Services["pollux"]
		s := &settings{file: read(t, "../compose/pollux/pollux.yaml"), variables: make(map[string]string)}
		for name, value := range pollux.Environment {
			s.variables[name] = *value
		}
		s.check(t)
		if len(pollux.Command) != 1 || !slices.Contains(commands(t), pollux.Command[0]) {
			t.Errorf("%q is no command", pollux.Command)
		}
		if at := pollux.Volumes[0].Target + "/pollux.yaml"; at != s.variables["POLLUX_CONFIG"] {
			t.Errorf("the file is %s, and POLLUX_CONFIG is %s", at, s.variables["POLLUX_CONFIG"])
		}
		if folder, volume := s.variables["POLLUX_DATA"], pollux.Volumes[1]; s.variables["POLLUX_NATS"] == "" && (volume.Type != types.VolumeTypeVolume || filepath.Dir(folder) != volume.Target) {
			t.Errorf("the folder %s is not on the volume at %s", folder, volume.Target)
		}
		if port := s.port(t, "listen"); port != "3000" {
			t.Errorf("the program listens on %s", port)
		}
		if grace, need := time.Duration(*pollux.StopGracePeriod), s.shutdown(t); grace <= need {
			t.Errorf("it has %s to end, and needs %s", grace, need)
		}
		if !pollux.ReadOnly || !slices.Equal(pollux.CapDrop, []string{"ALL"}) || !slices.Equal(pollux.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Error("it may do more than it has to")
		}
		if nginx, there := project.Services["nginx"]; there {
			address := project.Networks["behind"].Ipam.Config[0].Subnet
			if s.variables["POLLUX_TRUSTED_PROXIES"] != address || len(nginx.Networks) != 1 {
				t.Errorf("nginx is in %s, and not trusted there", address)
			}
		}
	}
}

// The program takes the settings of each leaf, whose origin is a service of the project.
func TestLeavesOnCompose(t *testing.T) {
	project := compose(t, "compose.yaml", "compose.leaves.yaml")
	leaves := 0
	for _, name := range project.ServiceNames() {
		service := project.Services[name]
		follow := service.Environment["POLLUX_FOLLOW"]
		if follow == nil {
			continue
		}
		leaves++
		s := &settings{file: "follow: [http://elsewhere:3000] # which the variable replaces\n", variables: make(map[string]string)}
		for key, value := range service.Environment {
			s.variables[key] = *value
		}
		s.check(t)
		for origin := range strings.SplitSeq(*follow, ",") {
			host, isHTTP := strings.CutPrefix(origin, "http://")
			if host, hasPort := strings.CutSuffix(host, ":3000"); !isHTTP || !hasPort || project.Services[host].Name == "" || host == name {
				t.Errorf("%s follows %s", name, origin)
			}
		}
		if grace, need := time.Duration(*service.StopGracePeriod), s.shutdown(t); grace <= need {
			t.Errorf("%s has %s to end, and needs %s", name, grace, need)
		}
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) {
			t.Errorf("%s may do more than it has to", name)
		}
	}
	if leaves != 2 {
		t.Errorf("%d leaves", leaves)
	}
}
