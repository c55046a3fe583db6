package poller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestOutagesAreLoggedOnce(t *testing.T) {
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var o outages
	expect := func(want string) {
		t.Helper()
		o.review(context.Background(), logger, now)
		if got := strings.TrimSpace(lines.String()); got != want {
			t.Errorf("at %v:\n got %s\nwant %s", now.Format(time.TimeOnly), got, want)
		}
		lines.Reset()
	}
	fail := func(key, from, class string) {
		o.change(now, from, class)
		o.explain(class, key, errors.New("why "+key))
	}
	expect("")
	fail("a", "", "timeout")
	fail("b", "", "timeout")
	expect(`level=WARN msg="poll failed" reason="why b" class=timeout keys=2 key=b`)
	fail("c", "", "timeout")
	expect("")
	fail("c", "timeout", "http_500")
	expect(`level=WARN msg="poll failed" reason="why c" class=http_500 keys=1 key=c`)
	o.change(now, "timeout", "")
	o.change(now, "timeout", "")
	expect("")
	o.change(now, "http_500", "")
	now = now.Add(outagesGap - 1)
	expect("")
	now = now.Add(1)
	expect(`level=INFO msg="poll recovered" lasted=1m0s`)
	fail("a", "", "timeout")
	now = now.Add(outagesGap - 1)
	expect("")
	now = now.Add(1)
	expect(`level=WARN msg="poll failed" reason="why a" class=timeout keys=1 key=a`)
	o.change(now, "timeout", "")
	fail("a", "", "timeout")
	now = now.Add(outagesGap)
	expect("")

	// What ends before anybody was told needs no line about its end.
	o.change(now, "timeout", "")
	expect(`level=INFO msg="poll recovered" lasted=2m0s`)
	fail("a", "", "timeout")
	expect("")
	o.change(now, "timeout", "")
	now = now.Add(outagesGap)
	expect("")
}

// TestClassesWithoutEnd has an upstream make up a class for each failure.
func TestClassesWithoutEnd(t *testing.T) {
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, nil))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var o outages
	fail := func(from string, i int) string {
		class := o.change(now, from, fmt.Sprint("class_", i))
		o.explain(class, "a", errors.New("why"))
		o.review(context.Background(), logger, now)
		now = now.Add(time.Second)
		return class
	}
	class := ""
	for i := range 1000 {
		class = fail(class, i)
	}
	if n := strings.Count(lines.String(), "level=WARN"); n != maxNamed+1 {
		t.Errorf("%d lines, want one for each of %d classes and one for the others", n, maxNamed)
	}
	if n := len(o.logged) + len(o.named) + len(o.failing) + len(o.reasons); n > 3*maxNamed {
		t.Errorf("%d entries", n)
	}
	o.change(now, class, "")
	o.review(context.Background(), logger, now)
	now = now.Add(2 * outagesGap)
	o.review(context.Background(), logger, now)
	now = now.Add(2 * outagesGap)
	lines.Reset()
	fail("", 5000)
	if !strings.Contains(lines.String(), "class=class_5000") {
		t.Errorf("the log has %q, want the class of a new outage", lines.String())
	}
}
