package poller

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Bounds and defaults of Keys.
const (
	// MaxBatch is the most keys of one request.
	MaxBatch = 1000

	// DefaultParallel is how many requests of a stream with keys are in flight at a
	// time, and MaxParallel the most that there can be.
	DefaultParallel = 16
	MaxParallel     = 256

	// DefaultAbsent is how long an upstream is not asked again for a key that it
	// does not have.
	DefaultAbsent = 5 * time.Minute
)

// KeySource asks an upstream for the documents of keys. It may be called by many
// goroutines at once, but never twice at once for one key.
//
// Like a [Source] it may be an [io.Closer], and have a method Stats() SourceStats.
type KeySource interface {
	// FetchKeys returns the upstream's answer for these keys: for one key its
	// document, for several a document that Keys.Split divides. It must return when
	// ctx ends. It may panic; that is a failure like any other. The errors are those
	// of Source. The classes http_404 and http_410 say that the upstream does not
	// have the key, if it was asked for one.
	//
	// since is the Version of the newest document of the key, verbatim. It is zero
	// if there is none, and for several keys.
	FetchKeys(ctx context.Context, keys []string, since Version) (Reading, error)
}

// Part is what an answer says about one key.
type Part struct {
	Key      string
	Document []byte // one JSON document, as in Reading
}

// Keys are how the keys of a stream are asked.
type Keys struct {
	// Source asks the upstream. The poller closes it when it is no longer used.
	// Required.
	Source KeySource

	// Batch is how many keys one request asks for at most, up to MaxBatch. 0 means 1.
	Batch int

	// Parallel is how many requests are in flight at a time, up to MaxParallel. 0
	// means DefaultParallel.
	Parallel int

	// Split divides a document into the parts for the keys. It is given a compact
	// document, which it must not modify. Parts for keys that were not asked for are
	// ignored, and of several parts for one key the last one counts. A key without a
	// part has failed with the class "no_document". An error is a failure of the
	// attempt, classed like an error of Source. Split must return when ctx ends, and
	// may be called by many goroutines at once. It is required if Batch is more than
	// 1. Nil means that the whole document is that of the key.
	Split func(ctx context.Context, document []byte) ([]Part, error)

	// Absent is how long the upstream is not asked again for a key that it does not
	// have. 0 means DefaultAbsent.
	Absent time.Duration
}

// withDefaults returns the keys with defaults in place of zeros, and all mistakes.
func (k Keys) withDefaults() (Keys, []error) {
	var errs []error
	if k.Source == nil {
		errs = append(errs, errors.New("no Keys.Source"))
	}
	if k.Batch == 0 {
		k.Batch = 1
	}
	if k.Batch < 1 || k.Batch > MaxBatch {
		errs = append(errs, fmt.Errorf("Keys.Batch is %d, want 1 to %d", k.Batch, MaxBatch))
	}
	if k.Batch > 1 && k.Split == nil {
		errs = append(errs, errors.New("Keys.Batch without Keys.Split"))
	}
	if k.Parallel == 0 {
		k.Parallel = DefaultParallel
	}
	if k.Parallel < 1 || k.Parallel > MaxParallel {
		errs = append(errs, fmt.Errorf("Keys.Parallel is %d, want 1 to %d", k.Parallel, MaxParallel))
	}
	if k.Absent == 0 {
		k.Absent = DefaultAbsent
	}
	if k.Absent < 0 {
		errs = append(errs, fmt.Errorf("Keys.Absent is %v, want more than 0", k.Absent))
	}
	return k, errs
}
