package soak

import (
	"strings"
	"testing"
	"time"
)

// good is a run in which nothing is wrong.
func good() *Result {
	return &Result{
		Counts:  Counts{Checked: 9, Events: 100, Unanswered: []Span{span(1, 20), span(20, 20), span(25, 60), span(30, 31), span(1, 60)}},
		Away:    []Span{span(20, 30)},
		Options: Options{Warm: time.Minute},
		Samples: series(100, 100, 100, 100),
	}
}

// span is a time in seconds.
func span(from, to int64) Span { return Span{time.Unix(from, 0), time.Unix(to, 0)} }

// A single thing that is wrong makes the run fail.
func TestVerdicts(t *testing.T) {
	if r := good(); !r.OK() {
		t.Fatalf("%s", r.Report())
	}
	for what, spoil := range map[string]func(r *Result){
		"every event is accounted for": func(r *Result) { r.Counts.Violations = 1 },
		"each stretch":                 func(r *Result) { r.Counts.Checked = 0 },
		"no stream is cut":             func(r *Result) { r.Counts.Cut = 1 },
		"without an answer":            func(r *Result) { r.Counts.Unanswered = append(r.Counts.Unanswered, span(31, 40)) },
		"refused for load":             func(r *Result) { r.Counts.Overloaded = 1 },
		"that read nothing":            func(r *Result) { r.Counts.Kept = 1 },
		"read nothing are closed":      func(r *Result) { r.Options.Stalled = 1 },
		"status 0":                     func(r *Result) { r.Failures = []string{"exit status 1"} },
		"was looked at":                func(r *Result) { r.Samples = r.Samples[:2] },
		"flat: memory":                 func(r *Result) { r.Samples[3].Memory *= 2 },
		"flat: goroutines":             func(r *Result) { r.Samples[3].Goroutines = 30 },
		"flat: descriptors":            func(r *Result) { r.Samples[3].Descriptors = 60 },
		"flat: series":                 func(r *Result) { r.Samples[3].Series = 1 },
	} {
		r := good()
		spoil(r)
		failed := ""
		for _, v := range r.Verdicts() {
			if !v.OK {
				failed += v.What + "\n"
			}
		}
		if !strings.Contains(failed, what) || strings.Count(failed, "\n") != 1 || r.OK() || !strings.Contains(r.Report(), "**no**") {
			t.Errorf("%s: failed is %q", what, failed)
		}
	}
}
