package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/report"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/secure"
)

var secureResult = filepath.Join("results", "tls.json")

// secureSettings are the numbers of a measurement that takes some twenty minutes.
func secureSettings() secure.Settings {
	o := settings()
	return secure.Settings{
		Rounds:    5,
		Others:    1,
		Size:      o.Size,
		Events:    8,
		Pace:      o.PacedInterval,
		Settle:    o.Settle,
		Readers:   300, // as many as one core can give large documents within TLS
		Stalled:   o.Stalled,
		LargeSize: o.LargeSize,
		LargePace: o.LargePace,
		Without:   o.Without,
		With:      o.With,
	}
}

// secureClients measures what clients with TLS cost.
func secureClients(ctx context.Context, args []string) error {
	o := secureSettings()
	flags := flag.NewFlagSet("tls", flag.ContinueOnError)
	flags.IntVar(&o.Rounds, "rounds", o.Rounds, "how often the rows are measured that have a figure to reach")
	flags.IntVar(&o.Others, "others", o.Others, "how often the others are")
	clients := flags.String("clients", "5000,10000", "`numbers` of clients, with commas between; gzip with the largest one alone")
	before := flags.String("before", "", "measure this `binary` of an earlier Pollux too")
	only := flags.String("only", "", "measure only rows with one of these `words`, with commas between")
	json := flags.String("json", "", "write every figure to this `file`")
	write := flags.Bool("write", false, "keep the figures in results, with -only beside those of the other rows, and write docs/performance.md from them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	descriptors, err := proc.RaiseLimit(1 << 20)
	if err != nil {
		return err
	}
	sizes, err := parseNumbers("-clients", *clients, reachSecure(descriptors))
	if err != nil {
		return err
	}
	if len(sizes) == 0 || o.Rounds < 1 || o.Others < 0 {
		return fmt.Errorf("-clients is %s: want from 1 to %d, which is what a process may open here, and rounds above 0", *clients, reachSecure(descriptors))
	}
	var words []string
	if *only != "" {
		words = strings.Split(*only, ",")
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
	measured := &secure.Result{Settings: o}
	measured.About.Command = commandLine("tls", args)
	measured.About.Machine = proc.ReadMachine()
	if err := measured.Conduct(ctx, w, secure.Plan(o, sizes, *before, words), progress()); err != nil {
		return err
	}
	fmt.Print(report.Secure(measured))
	if len(words) > 0 && *write {
		earlier := new(secure.Result)
		if err := result.Read(secureResult, earlier); err != nil {
			return fmt.Errorf("no row was measured yet, run `bench tls -write`: %w", err)
		}
		measured = earlier.Again(measured)
	}
	return keep(measured, *json, secureResult, *write)
}

// reachSecure returns how many clients can be measured: the program of clients has two
// descriptors for each of them while one wave leaves and the next one comes.
func reachSecure(descriptors uint64) int { return int(min(descriptors, 1<<20)) - 400 }
