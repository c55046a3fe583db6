package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/raid"
)

// errAttack is returned if a raid did harm. What it cost in time is in the table.
var errAttack = errors.New("a raid did harm, see the table")

// attack makes raids, and prints what they did to clients that mean no harm.
func attack(ctx context.Context, args []string) error {
	o := raid.Options{Root: root, Log: progress()}
	flags := flag.NewFlagSet("attack", flag.ContinueOnError)
	only := flags.String("only", "", "make only these raids: `names`, with commas between")
	flags.IntVar(&o.Readers, "readers", 2000, "clients that mean no harm")
	flags.DurationVar(&o.Pace, "pace", 200*time.Millisecond, "time between two documents")
	flags.IntVar(&o.Rounds, "rounds", 5, "how many times a raid is made")
	flags.DurationVar(&o.Time, "time", 8*time.Second, "time without and with a raid, each round")
	flags.IntVar(&o.Divide, "divide", 1, "make raids smaller by this `factor`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.Readers < 1 || o.Rounds < 1 || o.Divide < 1 || o.Pace <= 0 || o.Time < o.Pace {
		return errors.New("want readers and rounds, a factor from 1 on, and times above 0")
	}
	raids := raid.All()
	if *only != "" {
		raids = nil
		for name := range strings.SplitSeq(*only, ",") {
			r, err := raid.Find(name)
			if err != nil {
				return err
			}
			raids = append(raids, r)
		}
	}
	if _, err := proc.RaiseLimit(1 << 20); err != nil {
		return err
	}
	// The clients that mean no harm, and what is measured, have one core. Two threads would
	// take it from each other.
	runtime.GOMAXPROCS(1)
	var err error
	if o.Self, err = os.Executable(); err != nil {
		return err
	}
	rows, err := raid.Conduct(ctx, o, raids)
	fmt.Print(raid.Report(rows, o))
	if err != nil {
		return err
	}
	for _, row := range rows {
		if !row.OK() {
			return errAttack
		}
	}
	return nil
}

// raidProcess is the process that raids.
func raidProcess(args []string) error {
	if len(args) != 3 {
		return errUsage
	}
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	seen, err := raid.Serve(os.Stdin, args[0], args[1], count)
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(seen))
}
