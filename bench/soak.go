package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
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
	flags.IntVar(&o.Processes, "processes", 2, "that they are divided among")
	flags.IntVar(&o.Churn, "churn", 200, "clients that leave and come back in a second")
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
	if most := run.Reach(descriptors) - soak.Spare(o.Churn); o.Clients > most {
		o.Log("%d clients: a process may open %d descriptors here", most, descriptors)
		o.Clients = most
	}
	if o.Clients < o.Processes || o.Processes < 1 || o.Churn < 0 || o.Time <= 0 || o.Publish <= 0 || o.Sample <= 0 {
		return errors.New("want a client for each process, and times above 0")
	}
	if o.Self, err = os.Executable(); err != nil {
		return err
	}
	result, err := soak.Conduct(ctx, o)
	if err != nil {
		return err
	}
	text := result.Report()
	fmt.Print(text)
	if *file != "" {
		if err := os.WriteFile(*file, []byte(text), 0o644); err != nil { //nolint:gosec // meant to be read
			return err
		}
	}
	if !result.OK() {
		return errSoak
	}
	return nil
}
