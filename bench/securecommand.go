package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/secure"
)

// secureClients measures what clients with TLS cost.
func secureClients(ctx context.Context, args []string) error {
	o := secure.Settings{Clients: 5000, Rounds: 5, Size: 200, Events: 12, Pace: 667 * time.Millisecond, Settle: 2 * time.Second}
	flags := flag.NewFlagSet("tls", flag.ContinueOnError)
	flags.IntVar(&o.Clients, "clients", o.Clients, "clients of each server")
	flags.IntVar(&o.Rounds, "rounds", o.Rounds, "how often everything is measured")
	before := flags.String("before", "", "measure this `binary` of an earlier Pollux too")
	only := flags.String("only", "", "measure only rows with one of these `words`, with commas between")
	file := flags.String("json", "", "write every figure to this `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cores, err := proc.Cores()
	if err != nil {
		return err
	}
	o.Core = cores[0] // the clients are wherever the kernel has room
	w, err := peer.NewWorkshop(root)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }() // a folder of temporary files
	log := progress()
	rows, cases := []secure.Row{}, []secure.Case{}
	for _, p := range peer.Secure(*before) {
		prepared := false
		for _, protocol := range protocols(p) {
			row := secure.Row{Server: p.Title, Protocol: protocol.String()}
			if *only != "" && !anyIn(p.Name+" "+row.Protocol, strings.Split(*only, ",")) {
				continue
			}
			if !prepared {
				log("preparing %s", p.Name)
				if err := p.Prepare(w); err != nil {
					return err
				}
				prepared = true
			}
			rows, cases = append(rows, row), append(cases, secure.Case{Peer: p, Protocol: protocol})
		}
	}
	for round := range o.Rounds {
		for i, c := range cases {
			log("round %d: %s, %s", round+1, rows[i].Server, rows[i].Protocol)
			f, err := secure.Measure(ctx, w, c, o)
			if err != nil {
				log("%v", err)
				rows[i].Failed, _, _ = strings.Cut(w.Anonymous(err), "\n")
				continue
			}
			rows[i].Rounds = append(rows[i].Rounds, f)
		}
	}
	fmt.Print(secure.Table(rows))
	if *file == "" {
		return nil
	}
	text, err := json.MarshalIndent(rows, "", "  ")
	return errors.Join(err, os.WriteFile(*file, append(text, '\n'), 0o644)) //nolint:gosec // nothing secret is in there
}

// protocols returns those that the clients of a server use.
func protocols(p peer.Peer) []secure.Protocol {
	if !p.TLS {
		return []secure.Protocol{{Streams: 1}, {Streams: 1, Gzip: true}}
	}
	plain := []secure.Protocol{
		{TLS: true, Streams: 1},
		{TLS: true, HTTP2: true, Streams: 1},
		{TLS: true, HTTP2: true, Streams: 6},
	}
	if p.Name == peer.TextbookTLS || p.Name == peer.NchanTLS {
		return plain
	}
	all := plain
	for _, protocol := range plain {
		protocol.Gzip = true
		all = append(all, protocol)
	}
	return all
}

func anyIn(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
