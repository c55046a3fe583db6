package peer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// nchanModule is the file that Debian's package installs.
const nchanModule = "ngx_nchan_module.so"

// prepareNchan looks for nginx and its module, and installs both where they are
// missing and Debian's package manager is there.
func prepareNchan(*Workshop) error {
	if _, err := nginxModules(); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("peer: nginx with nchan is not installed, nor is apt-get: %w", err)
	}
	for _, args := range [][]string{
		{"update", "-q"},
		{"install", "-q", "-y", "--no-install-recommends", "nginx", "libnginx-mod-nchan"},
	} {
		cmd := command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := run(cmd); err != nil {
			return err
		}
	}
	_, err := nginxModules()
	return err
}

// nginxModules returns the directory of nginx's modules, of which nchan is one.
func nginxModules() (string, error) {
	text, err := command("nginx", "-V").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("peer: nginx: %w", err)
	}
	for argument := range strings.FieldsSeq(string(text)) {
		if dir, found := strings.CutPrefix(argument, "--modules-path="); found {
			if _, err := os.Stat(filepath.Join(dir, nchanModule)); err != nil {
				return "", fmt.Errorf("peer: nchan: %w", err)
			}
			return dir, nil
		}
	}
	return "", errors.New("peer: nginx does not say where its modules are")
}

func startNchan(w *Workshop, port, clients int) (*exec.Cmd, error) {
	modules, err := nginxModules()
	if err != nil {
		return nil, err
	}
	text, err := files.ReadFile("files/nginx.conf")
	if err != nil {
		return nil, err
	}
	conf, err := template.New("nginx.conf").Parse(string(text))
	if err != nil {
		return nil, err
	}
	f, err := os.Create(w.path("nginx.conf"))
	if err != nil {
		return nil, err
	}
	const spare = 200 // nginx needs some descriptors for itself
	// When fewer than a sixteenth of its connections are free, it closes those
	// that have not asked for anything yet.
	connections := (clients + spare) * 16 / 14
	err = conf.Execute(f, struct {
		Modules                        string
		Descriptors, Connections, Port int
	}{modules, connections + spare, connections, port})
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return command("nginx", "-p", w.dir, "-c", f.Name()), nil
}

func nchanVersion(*Workshop) string {
	version := strings.TrimPrefix(output("nginx", "-v"), "nginx version: ")
	return version + ", nchan " + output("dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan")
}
