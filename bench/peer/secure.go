package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"text/template"

	"github.com/polluxhub/pollux/bench/certificate"
)

// Names of the servers that are compared where clients use TLS.
const (
	PolluxTLS    = "pollux-tls"
	PolluxBefore = "pollux-before-tls"
	PolluxNginx  = "pollux-behind-nginx"
	TextbookTLS  = "textbook-tls"
	NchanTLS     = "nchan-tls"
)

// Secure returns the servers with TLS, and Pollux without it. before is the binary of an
// earlier Pollux, which is measured as well, or empty.
func Secure(before string) []Peer {
	var pollux Peer
	for _, p := range All() {
		if p.Name == Pollux {
			pollux = p
		}
	}
	with := func(name, title, note string) Peer {
		p := pollux
		p.Name, p.Title, p.Note, p.Metrics, p.TLS = name, title, note, "", true
		p.Prepare = func(w *Workshop) error { return errors.Join(preparePollux(w), w.certify()) }
		return p
	}
	secure := with(PolluxTLS, "Pollux", "`pollux --push --tls-cert-file --tls-key-file` with defaults.")
	secure.Command = func(w *Workshop, port, clients int) (*exec.Cmd, error) {
		return w.pollux(w.path(Pollux), port, clients, w.certificates()...), nil
	}
	peers := []Peer{pollux, secure}
	if before != "" {
		earlier := with(PolluxBefore, "Pollux before", "An earlier Pollux, with the same settings.")
		earlier.Prepare = (*Workshop).certify
		earlier.Version = func(*Workshop) string { return output(before, "version") }
		earlier.Command = func(w *Workshop, port, clients int) (*exec.Cmd, error) {
			return w.pollux(before, port, clients, w.certificates()...), nil
		}
		peers = append(peers, earlier)
	}
	behind := with(PolluxNginx, "Pollux behind nginx", "nginx has TLS and HTTP/2 outside, and HTTP/1.1 inside, with the settings of docs/operations.md, and two workers, because it needs two descriptors for each client. Its memory and CPU count. All are on one core.")
	behind.Command = startBehindNginx
	behind.Children = 4 // Pollux, and nginx with its workers
	textbook := Peer{
		Name: TextbookTLS, Title: "textbook Go hub",
		Note: "A goroutine and a channel of 16 events for each client, `net/http`, a flush for each event.",
		Path: events, Publish: publish, TLS: true,
		Prepare: (*Workshop).certify,
		Command: func(w *Workshop, port, _ int) (*exec.Cmd, error) {
			return command(w.Self, "serve", "textbook", "127.0.0.1:"+strconv.Itoa(port), w.path(certificate.CertFile), w.path(certificate.KeyFile)), nil
		},
		Version: module(""),
	}
	nchan := Peer{
		Name: NchanTLS, Title: "nginx + nchan",
		Note: "One worker. Debian's package.",
		Path: events, Publish: publish, TLS: true,
		Prepare: func(w *Workshop) error { return errors.Join(prepareNchan(w), w.certify()) },
		Command: startNchanTLS, Children: 1,
		Version: nchanVersion,
	}
	return append(peers, behind, textbook, nchan)
}

// certificates are the flags of Pollux for the certificate.
func (w *Workshop) certificates() []string {
	return []string{"--tls-cert-file", w.path(certificate.CertFile), "--tls-key-file", w.path(certificate.KeyFile)}
}

// certify writes a certificate for the loopback address.
func (w *Workshop) certify() error { return certificate.Write(w.dir) }

// nginxConfig is what the templates of nginx are filled in with.
type nginxConfig struct {
	Modules                  string
	Descriptors, Connections int
	Port, Inner              int
	Certificate, Key         string
}

// nginx writes the configuration of nginx that stands in a file of this name.
func (w *Workshop) nginx(name string, port, clients, each int) (nginxConfig, func(nginxConfig) (string, error), error) {
	text, err := files.ReadFile("files/" + name)
	if err != nil {
		return nginxConfig{}, nil, err
	}
	parsed, err := template.New(name).Parse(string(text))
	if err != nil {
		return nginxConfig{}, nil, err
	}
	const spare = 200 // nginx needs some descriptors for itself
	connections := (each*clients + spare) * 16 / 14
	config := nginxConfig{
		Descriptors: min(connections+spare, 20_000), Connections: connections, Port: port,
		Certificate: w.path(certificate.CertFile), Key: w.path(certificate.KeyFile),
	}
	return config, func(c nginxConfig) (string, error) {
		f, err := os.Create(w.path(name))
		if err != nil {
			return "", err
		}
		return f.Name(), errors.Join(parsed.Execute(f, c), f.Close())
	}, nil
}

func startNchanTLS(w *Workshop, port, clients int) (*exec.Cmd, error) {
	config, write, err := w.nginx("nginx-tls.conf", port, clients, 1)
	if err != nil {
		return nil, err
	}
	if config.Modules, err = nginxModules(); err != nil {
		return nil, err
	}
	file, err := write(config)
	if err != nil {
		return nil, err
	}
	return command("nginx", "-p", w.dir, "-c", file), nil
}

// startBehindNginx starts both with a shell, which ends both.
func startBehindNginx(w *Workshop, port, clients int) (*exec.Cmd, error) {
	config, write, err := w.nginx("nginx-front.conf", port, clients, 2)
	if err != nil {
		return nil, err
	}
	if config.Inner, err = freePort(context.Background()); err != nil {
		return nil, err
	}
	file, err := write(config)
	if err != nil {
		return nil, err
	}
	inner := w.pollux(w.path(Pollux), config.Inner, clients)
	script := fmt.Sprintf(`%s & a=$!; sleep 1; nginx -p %s -c %s & b=$!; trap "kill $a $b" TERM; wait; wait`, shellWords(inner.Args), w.dir, file)
	cmd := command("sh", "-c", script)
	cmd.Env = inner.Env
	return cmd, nil
}

// shellWords joins words that need no quotes.
func shellWords(words []string) (line string) {
	for i, word := range words {
		if i > 0 {
			line += " "
		}
		line += word
	}
	return line
}
