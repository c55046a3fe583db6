package poller

import (
	"bytes"
	"context"
	"errors"
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
