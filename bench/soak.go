package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/run"
	"github.com/polluxhub/pollux/bench/soak"
)

// errSoak is returned for a run that does not show what it has to. The report says what
// that is.
var errSoak = errors.New("the soak failed, see its report")

// soakClients is a run of some time that ends with a report.
func soakClients(ctx context.Context, args []string) error {
	o := soak.Options{Root: root, Log: progress()}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.IntVar(&o.Clients, "clients", 20000, "clients in all")
	secure := flags.Int("tls", 0, "so many of them use TLS, with a Pollux of their own at the same time")
	flags.IntVar(&o.Stalled, "stalled", 20, "readers of each Pollux that read nothing, beside the clients")
	flags.IntVar(&o.Processes, "processes", 2, "that the clients of each Pollux are divided among")
	flags.IntVar(&o.Churn, "churn", 200, "clients in all that leave and come back in a second")
	flags.DurationVar(&o.Time, "time", 30*time.Minute, "how long it takes, without its beginning and its end")
	flags.DurationVar(&o.Publish, "publish", time.Second, "time between two documents")
	flags.DurationVar(&o.Reload, "reload", time.Minute, "time between two reloads; 0: none")
	flags.DurationVar(&o.Restart, "restart", 10*time.Minute, "time between two restarts; 0: none")
	flags.DurationVar(&o.Warm, "warm", 2*time.Minute, "time after the start of the server in which its figures may grow")
	flags.DurationVar(&o.Sample, "sample", 5*time.Second, "time between two looks at the server")
	file := flags.String("report", "", "write the report to this `file` as well")
	if err := flags.Parse(args); err != nil {
		return err
	}
	descriptors, err := proc.RaiseLimit(1 << 20)
	if err != nil {
		return err
	}
	if o.Self, err = os.Executable(); err != nil {
		return err
	}
	if *secure < 0 || *secure > o.Clients || o.Stalled < 0 || o.Churn < 0 || o.Time <= 0 || o.Publish <= 0 || o.Sample <= 0 {
		return errors.New("want no more clients with TLS than clients, and times above 0")
	}
	var parts []soak.Options
	for _, tls := range []bool{false, true} {
		part := o
		if part.TLS = tls; tls {
			part.Clients = *secure
		} else {
			part.Clients -= *secure
		}
		part.Churn = o.Churn * part.Clients / max(o.Clients, 1)
		if most := run.Reach(descriptors) - part.Spare(); part.Clients > most {
			o.Log("%d clients: a process may open %d descriptors here", most, descriptors)
			part.Clients = most
		}
		if part.Clients == 0 && (tls || *secure > 0) {
			continue
		}
		if part.Processes < 1 || part.Clients < part.Processes {
			return errors.New("want a client for each process")
		}
		parts = append(parts, part)
	}
	results, err := soakParts(ctx, parts)
	if err != nil {
		return err
	}
	text, ok := "", true
	for _, result := range results {
		text += result.Report()
		ok = ok && result.OK()
	}
	fmt.Print(text)
	if *file != "" {
		if err := os.WriteFile(*file, []byte(text), 0o644); err != nil { //nolint:gosec // meant to be read
			return err
		}
	}
	if !ok {
		return errSoak
	}
	return nil
}

// soakParts makes runs at the same time. If one fails, all end.
func soakParts(ctx context.Context, parts []soak.Options) ([]*soak.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results, errs := make([]*soak.Result, len(parts)), make([]error, len(parts))
	var running sync.WaitGroup
	for i, part := range parts {
		if log := part.Log; part.TLS {
			part.Log = func(format string, args ...any) { log("TLS: "+format, args...) }
		}
		running.Go(func() {
			if results[i], errs[i] = soak.Conduct(ctx, part); errs[i] != nil {
				cancel()
			}
		})
	}
	running.Wait()
	return results, errors.Join(errs...)
}
