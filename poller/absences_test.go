package poller

import (
	"fmt"
	"testing"
	"time"
)

func TestAbsencesAreBounded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var a absences
	add := func(name string) { a.add(name, absence{class: classNotFound, since: now, until: now.Add(time.Minute)}) }
	for i := range 10_000 {
		add(fmt.Sprint(i))
	}
	if _, found := a.of("0", now); !found || a.count(now) != 10_000 {
		t.Errorf("%d are remembered", a.count(now))
	}
	add("one more")
	if _, found := a.of("0", now); found || a.count(now) != 10_000 || len(a.order) > 10_000 {
		t.Errorf("%d are remembered, and the oldest one: %v", a.count(now), found)
	}
	if _, found := a.of("1", now); !found {
		t.Error("the second oldest one is forgotten")
	}
	now = now.Add(time.Second)
	add("1") // again: the entry of before is forgotten without it
	now = now.Add(time.Minute - time.Second)
	for name, want := range map[string]bool{"2": false, "one more": false, "1": true} {
		if _, found := a.of(name, now); found != want {
			t.Errorf("%s is remembered: %v", name, found)
		}
	}
	if n := a.count(now); n != 1 {
		t.Errorf("%d are remembered after their time", n)
	}
	a.remove("1")
	if n := a.count(now); n != 0 {
		t.Errorf("%d are remembered", n)
	}
}
