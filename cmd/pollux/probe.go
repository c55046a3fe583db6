package main

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/polluxhub/pollux"
)

// probesAtOnce is how many streams are asked at a time.
const probesAtOnce = 8

// probe asks the upstream of each stream once, and writes a line for each. A stream with
// keys is not asked: nobody knows a key.
func probe(ctx context.Context, streams []pollux.Stream, stdout io.Writer) error {
	verdicts := make([]string, len(streams))
	failed := make([]bool, len(streams))
	var all sync.WaitGroup
	places := make(chan struct{}, probesAtOnce)
	for i, s := range streams {
		switch {
		case !isPolled(s):
			continue
		case s.Poll.Keys != nil:
			verdicts[i] = "not asked, because it has keys: ask for one with pollux try " + s.Name + "/KEY"
			continue
		}
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			verdicts[i], failed[i] = judgeTrial(ctx, s)
		})
	}
	all.Wait()
	count := 0
	for i, verdict := range verdicts {
		if verdict == "" {
			continue
		}
		if failed[i] {
			count++
		}
		if _, err := fmt.Fprintf(stdout, "%s: %s\n", streams[i].Name, verdict); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case count > 0:
		return fmt.Errorf("of %s, %d would publish nothing", amount(len(streams), "stream"), count)
	}
	return nil
}

// judgeTrial asks a stream once, and says what came in one line.
func judgeTrial(ctx context.Context, s pollux.Stream) (verdict string, failed bool) {
	trial, err := s.Poll.Try(ctx)
	switch {
	case err != nil:
		return err.Error(), true
	case trial.Err != nil:
		class, reason := trial.Class()
		return "failed, " + class + ": " + reason, true
	}
	return fmt.Sprintf("OK, %d bytes in %s", len(trial.Parts[0].Document), rounded(trial.Took)), false
}
