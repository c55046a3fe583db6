package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/proc"
	"github.com/polluxhub/pollux/bench/report"
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/run"
	"github.com/polluxhub/pollux/bench/secure"
)

// Where things are, seen from the folder bench.
var (
	root          = ".."
	peersResult   = filepath.Join("results", "peers.json")
	limitResult   = filepath.Join("results", "limit.json")
	performanceMD = filepath.Join(root, "docs", "performance.md")
)

// settings are the numbers of a measurement that takes some ten minutes.
func settings() result.Settings {
	return result.Settings{
		Clients:       10000,
		Rounds:        3,
		Size:          200,
		Paced:         12,
		PacedInterval: 667 * time.Millisecond,
		Burst:         2 * time.Second,
		Window:        16,
		Settle:        2 * time.Second,
		SmallClients:  900,
		Stalled:       100,
		LargeSize:     16 << 10,
		LargePace:     25 * time.Millisecond,
		Without:       12500 * time.Millisecond, // as long as With: the most memory of a longer time is more
		With:          12500 * time.Millisecond,
		Documents:     20,
		DocumentPace:  75 * time.Millisecond,
	}
}

// How many further clients join what `bench limit` holds, and within which time.
const (
	joins    = 200
	joinTime = 10 * time.Second
)

// common are the flags of all measurements.
func common(flags *flag.FlagSet, o *result.Settings) (json *string, write *bool) {
	flags.IntVar(&o.Rounds, "rounds", o.Rounds, "how often everything is measured")
	json = flags.String("json", "", "write every figure to this `file`")
	write = flags.Bool("write", false, "keep the figures in results, and write docs/performance.md from them")
	return json, write
}

func peers(ctx context.Context, args []string) error {
	o := settings()
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.IntVar(&o.Clients, "clients", o.Clients, "clients of each server")
	flags.IntVar(&o.Others, "others", 0, "how often servers other than the floor and Pollux are measured; 0: as often")
	only := flags.String("only", "", "measure only these servers: `names`, with commas between")
	json, write := common(flags, &o)
	if err := flags.Parse(args); err != nil {
		return err
	}
	var names []string
	if *only != "" {
		names = strings.Split(*only, ",")
	}
	selected, err := peer.Select(names)
	if err != nil {
		return err
	}
	return with(selected, func(b *run.Bed) error {
		if most := run.Reach(b.Descriptors); o.Clients > most || o.Clients < 1 {
			return fmt.Errorf("-clients is %d: want from 1 to %d, which is what a process may open here", o.Clients, most)
		}
		b.About.Command = commandLine("peers", args)
		measured, err := b.Compare(ctx, o)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n%s\n%s\n", report.Goals(measured, nil), report.Summary(measured), report.Failures(measured))
		return keep(measured, *json, peersResult, *write)
	})
}

func limit(ctx context.Context, args []string) error {
	o := settings()
	o.Burst = 0 // that is for comparing servers
	flags := flag.NewFlagSet("limit", flag.ContinueOnError)
	sizes := flags.String("sizes", "1000,2000,5000,10000,19000", "`numbers` of clients, with commas between")
	hold := flags.Duration("hold", 5*time.Minute, "how long to keep as many clients as there can be; 0 for not at all")
	most := flags.Int("clients", run.Most, "how many these are, at most")
	every := flags.Duration("every", 10*time.Second, "an event so often meanwhile")
	processes := flags.Int("processes", 1, "load processes for them, at least")
	json, write := common(flags, &o)
	if err := flags.Parse(args); err != nil {
		return err
	}
	selected, err := peer.Select([]string{peer.Floor, peer.Pollux})
	if err != nil {
		return err
	}
	return with(selected, func(b *run.Bed) error {
		steps, err := parseNumbers("-sizes", *sizes, run.Reach(b.Descriptors))
		if err != nil {
			return err
		}
		b.About.Command, b.About.Settings = commandLine("limit", args), o
		start := time.Now()
		measured := new(result.Limit)
		if measured.Growth, err = b.Growth(ctx, steps, o); err != nil {
			return err
		}
		if *hold > 0 {
			measured.Hold, err = b.Hold(ctx, selected[1], run.Holding{
				Clients:   min(*most, run.Reach(b.Descriptors)),
				Processes: *processes,
				Time:      *hold,
				Interval:  *every,
				Size:      o.Size,
				Settle:    o.Settle,
				Joins:     joins,
				JoinTime:  joinTime,
				Window:    o.Window,
			})
			if err != nil {
				return err
			}
		}
		b.About.Seconds = time.Since(start).Seconds()
		measured.About = b.About
		fmt.Printf("%s\n%s", report.Growth(measured), report.Hold(measured.Hold))
		return keep(measured, *json, limitResult, *write)
	})
}

// with prepares the peers, calls measure, and cleans up.
func with(selected []peer.Peer, measure func(b *run.Bed) error) (err error) {
	descriptors, err := proc.RaiseLimit(1 << 20) // more than run.Most, and what Linux allows by default
	if err != nil {
		return err
	}
	workshop, err := peer.NewWorkshop(root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, workshop.Close()) }()
	b, err := run.NewBed(workshop, selected, descriptors, progress())
	if err != nil {
		return err
	}
	return measure(b)
}

// parseNumbers reads the numbers of a flag, and lets those go that are too large.
func parseNumbers(name, text string, most int) ([]int, error) {
	var numbers []int
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s is %s: want numbers above 0 with commas between", name, text)
		}
		if n <= most {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}

// keep writes what was measured to where it was asked for.
func keep(measured any, json, file string, write bool) error {
	if json != "" {
		if err := result.Write(json, measured); err != nil {
			return err
		}
	}
	if !write {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // meant to be read
		return err
	}
	if err := result.Write(file, measured); err != nil {
		return err
	}
	return performance()
}

func rewrite(args []string) error {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	if err := flags.Parse(args); err != nil {
		return err
	}
	return performance()
}

// performance writes docs/performance.md from what has been measured so far.
func performance() error {
	compared := new(result.Peers)
	if err := result.Read(peersResult, compared); err != nil {
		return fmt.Errorf("nothing was compared yet, run `bench peers -write`: %w", err)
	}
	grown := new(result.Limit)
	if err := result.Read(limitResult, grown); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		grown = nil
	}
	secured := new(secure.Result)
	if err := result.Read(secureResult, secured); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		secured = nil
	}
	return os.WriteFile(performanceMD, []byte(report.Performance(compared, grown, secured)), 0o644) //nolint:gosec // meant to be read
}

// commandLine is the command as one would type it.
func commandLine(command string, args []string) string {
	return strings.Join(append([]string{"go run .", command}, args...), " ")
}
