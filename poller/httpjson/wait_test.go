package httpjson

import (
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/polluxhub/pollux/poller"
)

// now is the time of all answers in these tests.
var now = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// waited is waitOf with the default bound of a stream.
func waited(status int, header http.Header, respect []Hint, now time.Time) time.Duration {
	wait, _ := waitOf(status, header, respect, now)
	return min(wait, poller.DefaultMaxWait)
}

// headerOf parses lines "Name: value".
func headerOf(text string) http.Header {
	header := http.Header{}
	for line := range strings.SplitSeq(text, "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	return header
}

// TestRetryAfter checks which statuses and values count.
func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		status int
		header string
		want   time.Duration
	}{
		{503, "Retry-After: 120", 2 * time.Minute},
		{429, "Retry-After: 120", 2 * time.Minute},
		{403, "Retry-After: 120", 2 * time.Minute},
		{400, "Retry-After: 120", 2 * time.Minute},
		{399, "Retry-After: 120", 0},
		{200, "Retry-After: 120", 0},
		{304, "Retry-After: 120", 0},
		{503, "", 0},
		{503, "Retry-After: 0", 0},
		{503, "Retry-After: 3599", time.Hour - time.Second},
		{503, "Retry-After: 3600", time.Hour},
		{503, "Retry-After: 3601", time.Hour},
		{503, "Retry-After: 9223372037", time.Hour},          // negative as a Duration
		{503, "Retry-After: 9223372036854775808", time.Hour}, // 2^63
		{503, "Retry-After: 18446744073709551616", time.Hour},
		{503, "Retry-After: " + strings.Repeat("9", 1000), time.Hour},
		{503, "Retry-After: 00000000000000000000000005", 5 * time.Second},
		{503, "Retry-After: -5", 0},
		{503, "Retry-After: +5", 0},
		{503, "Retry-After: 5.5", 5500 * time.Millisecond},
		{503, "Retry-After: 5.", 0},
		{503, "Retry-After: .5", 0},
		{503, "Retry-After: 5.5.5", 0},
		{503, "Retry-After: soon", 0},
		{503, "Retry-After: 5s", 5 * time.Second},
		{503, "Retry-After: 4000ms", 4 * time.Second},
		{503, "Retry-After: 1.5 Seconds", 1500 * time.Millisecond},
		{503, "Retry-After: 2 min", 2 * time.Minute},
		{503, "Retry-After: 9999999999999h", time.Hour},
		{503, "Retry-After: 5 parsecs", 0},
		{503, "Retry-After: s", 0},
		{429, "Retry-After: 1767366249", 4 * time.Second},
		{429, "Retry-After: 1767366249.250", 4250 * time.Millisecond},
		{429, "Retry-After: 1767366249000", 4 * time.Second},
		{429, "Retry-After: 1767366249000000", 4 * time.Second},
		{429, "Retry-After: 1767366241", 0},
		{429, "Retry-After: 2026-01-02T15:04:09Z", 4 * time.Second},
		{429, "Retry-After: 2026-01-02T16:04:09.5+01:00", 4500 * time.Millisecond},
		{429, "Retry-After: 2026-01-02", 0},
		{418, "Retry-After: 4", 4 * time.Second},
		{429, "X-RateLimit-Retry-After: 4", 4 * time.Second},
		{200, "X-RateLimit-Retry-After: 4", 0},
		{503, "Retry-After: 0x10", 0},
		{503, "Retry-After: abc", 0},
		{503, "Retry-After: 10, 20", 0},
		{503, "Retry-After: Fri, 02 Jan 2026 15:06:05 GMT", 2 * time.Minute},
		{503, "Retry-After: Friday, 02-Jan-26 15:06:05 GMT", 2 * time.Minute},
		{503, "Retry-After: Fri Jan  2 15:06:05 2026", 2 * time.Minute},
		{503, "Retry-After: Fri, 02 Jan 2026 15:04:04 GMT", 0},
		{503, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{503, "Retry-After: Thu, 31 Dec 2099 23:59:59 GMT", time.Hour},
		{503, "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", time.Hour},
		{503, "Retry-After: Fri, 32 Jan 2026 15:06:05 GMT", 0},
		// The clock of the upstream is a day ahead, or broken.
		{503, "Date: Sat, 03 Jan 2026 15:04:05 GMT\nRetry-After: Sat, 03 Jan 2026 15:06:05 GMT", 2 * time.Minute},
		{503, "Date: Thu, 01 Jan 2026 15:04:05 GMT\nRetry-After: Thu, 01 Jan 2026 15:06:05 GMT", 2 * time.Minute},
		{503, "Date: today\nRetry-After: Fri, 02 Jan 2026 15:06:05 GMT", 2 * time.Minute},
	} {
		if got := waited(test.status, headerOf(test.header), nil, now); got != test.want {
			t.Errorf("%d %s: %v, want %v", test.status, test.header, got, test.want)
		}
	}
}

// TestHints has each hint alone, first ignored and then respected.
func TestHints(t *testing.T) {
	for _, test := range []struct {
		hint   Hint
		header string
		want   time.Duration
	}{
		{HintMaxAge, "Cache-Control: max-age=60", time.Minute},
		{HintMaxAge, "Cache-Control: public, Max-Age = \"60\" , s-maxage=5", time.Minute},
		{HintMaxAge, "Cache-Control: public\nCache-Control: max-age=60", time.Minute},
		{HintMaxAge, `Cache-Control: private="a, max-age=5", max-age=60`, time.Minute},
		{HintMaxAge, `Cache-Control: x="a\", max-age=5", max-age=60`, time.Minute},
		{HintMaxAge, "Cache-Control: max-age=60, max-age=90", time.Minute},
		{HintMaxAge, "Cache-Control: max-age=60\nAge: 50", 10 * time.Second},
		{HintMaxAge, "Cache-Control: max-age=60\nAge: 60", 0},
		{HintMaxAge, "Cache-Control: max-age=60\nAge: 99999999999999999999", 0},
		{HintMaxAge, "Cache-Control: max-age=60\nAge: -50", time.Minute},
		{HintMaxAge, "Cache-Control: max-age=31536000", time.Hour},
		{HintMaxAge, "Cache-Control: max-age=99999999999999999999", time.Hour},
		{HintMaxAge, "Cache-Control: no-cache, max-age=60", 0},
		{HintMaxAge, "Cache-Control: max-age=60, NO-STORE", 0},
		{HintMaxAge, "Cache-Control: s-maxage=60", 0},
		{HintMaxAge, "Cache-Control: max-age", 0},
		{HintMaxAge, "Cache-Control: max-age=", 0},
		{HintMaxAge, "Cache-Control: max-age=-60", 0},
		{HintMaxAge, "Cache-Control: xmax-age=60", 0},

		{HintPollInterval, "X-Poll-Interval: 60", time.Minute},
		{HintPollInterval, "X-Poll-Interval: 9223372037", time.Hour},
		{HintPollInterval, "X-Poll-Interval: -60", 0},
		{HintPollInterval, "X-Poll-Interval: 1m", 0},

		{HintRateLimit, "RateLimit-Limit: 100\nRateLimit-Remaining: 50\nRateLimit-Reset: 100", 2 * time.Second},
		{HintRateLimit, "RateLimit-Remaining: 0\nRateLimit-Reset: 100", 100 * time.Second},
		{HintRateLimit, "RateLimit-Remaining: 1\nRateLimit-Reset: 100", 100 * time.Second},
		{HintRateLimit, "RateLimit-Remaining: 24\nRateLimit-Reset: 86400", time.Hour}, // divided, then bounded
		{HintRateLimit, "RateLimit-Remaining: 48\nRateLimit-Reset: 86400", 30 * time.Minute},
		{HintRateLimit, "RateLimit-Remaining: 1\nRateLimit-Reset: 1767366305", time.Minute}, // since 1970, as from GitLab
		{HintRateLimit, "RateLimit-Remaining: 50", 0},
		{HintRateLimit, "RateLimit-Reset: 100", 0},
		{HintRateLimit, "RateLimit: limit=100, remaining=50, reset=5", 100 * time.Millisecond},
		{HintRateLimit, "RateLimit: limit=100;w=60,remaining=0;x=1 ,reset=5", 5 * time.Second},
		{HintRateLimit, "RateLimit: limit=100\nRateLimit: remaining=0\nRateLimit: reset=5", 5 * time.Second},
		{HintRateLimit, "RateLimit: limit=100, remaining=0", 0},
		{HintRateLimit, `RateLimit: "default";r=50;t=30`, 600 * time.Millisecond},
		{HintRateLimit, `RateLimit: default;r=0;t=30`, 30 * time.Second},
		{HintRateLimit, `RateLimit: "burst";r=50;t=30, "daily";r=10;t=3000`, 5 * time.Minute},
		{HintRateLimit, `RateLimit: "a;r=0;t=99, b=";r=1;t=30;pk=:AA==:`, 30 * time.Second},
		{HintRateLimit, `RateLimit: "default";r=0`, 0},
		{HintRateLimit, `RateLimit: "default";t=30`, 0},
		{HintRateLimit, `RateLimit: "default";r=-1;t=30`, 0},
		{HintRateLimit, `RateLimit: "default";r=1;t=9223372037`, time.Hour},
		{HintRateLimit, `RateLimit: "default";r=99999999999999999999;t=30`, 0},
		{HintRateLimit, `RateLimit: "default;r=1;t=30`, 0},
		{HintRateLimit, "RateLimit: \"hour\";r=700;t=3000, \"burst, short\";r=0;t=4\nRateLimit-Policy: \"hour\";q=1000;w=3600", 3000 * time.Second / 700},
		{HintRateLimit, "RateLimit-Policy: \"default\";q=60;w=60", 0},
		{HintRateLimit, "RateLimit-Limit: 76;w=21600\nRateLimit-Remaining: 75;w=21600", 0},
		{HintRateLimit, `RateLimit: ;,;;,=,"`, 0},

		{HintXRateLimit, "X-RateLimit-Remaining: 60\nX-RateLimit-Reset: 1767369845", time.Minute}, // an hour from now
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767366365", 2 * time.Minute},
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767366244", 0}, // in the past
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 999999999", time.Hour},
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1000000000", 0},
		{HintXRateLimit, "X-RateLimit-Remaining: 60\nX-RateLimit-Reset: 1767369845000", time.Minute}, // in milliseconds
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 99999999999", time.Hour},
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 100000000000", 0}, // in 1973
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 90", 90 * time.Second},
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 9223372036854775808", time.Hour},
		{HintXRateLimit, "X-RateLimit-Remaining: 0.0\nX-RateLimit-Reset: 3.75", 3750 * time.Millisecond},
		{HintXRateLimit, "X-RateLimit-Remaining: 60\nX-RateLimit-Reset: 1767369845000000", time.Minute}, // in microseconds
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 2026-01-02T15:05:05+00:00", time.Minute},
		{HintXRateLimit, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: Fri, 02 Jan 2026 15:05:05 GMT", time.Minute},
		{HintXRateLimit, "X-Rate-Limit-Remaining: 0\nX-Rate-Limit-Reset: 1767366305", time.Minute},
		{HintXRateLimit, "X-RateLimit-Remaining: 3\nX-RateLimit-Reset: 12", 4 * time.Second},
		{HintXRateLimit, "X-RateLimit-Remaining: -1\nX-RateLimit-Reset: 90", 0},
		{HintXRateLimit, "X-RateLimit-Remaining: x\nX-RateLimit-Reset: 90", 0},
		{HintXRateLimit, "X-RateLimit-Reset: 90", 0},
		{HintXRateLimit, "Date: Fri, 02 Jan 2026 16:04:05 GMT\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767369875", 30 * time.Second},
	} {
		header := headerOf(test.header)
		if got := waited(200, header, []Hint{test.hint}, now); got != test.want {
			t.Errorf("%s: %v, want %v", test.header, got, test.want)
		}
		if got := waited(200, header, []Hint{}, now); got != 0 {
			t.Errorf("%s: %v though nothing is respected", test.header, got)
		}
		for _, hint := range allHints {
			if got := waited(200, header, []Hint{hint}, now); hint != test.hint && got != 0 {
				t.Errorf("%s: %v though %s alone is respected", test.header, got, hint)
			}
		}
	}
}

// TestWhatWasSaid has the header of the longest wish, and its value as it may be logged.
func TestWhatWasSaid(t *testing.T) {
	for _, test := range []struct{ header, want string }{
		{"Retry-After: 4", "Retry-After: 4"},
		{"retry-after: 4000ms", "Retry-After: 4000ms"},
		{"Retry-After: 4\nX-Poll-Interval: 5", "X-Poll-Interval: 5"},
		{"RateLimit: \"a\";r=0;t=4\nRateLimit: \"b\";r=9;t=4", `RateLimit: "a";r=0;t=4, "b";r=9;t=4`},
		{"RateLimit: \"\t\u00e9\";r=0;t=4", `RateLimit: "??";r=0;t=4`},
		{"Retry-After: " + strings.Repeat("9", 80), "Retry-After: " + strings.Repeat("9", 80)},
		{"Retry-After: " + strings.Repeat("9", 81), "Retry-After: " + strings.Repeat("9", 80) + "…"},
		{"Retry-After: soon", ""},
		{"", ""},
	} {
		if _, got := waitOf(503, headerOf(test.header), allHints, now); got != test.want {
			t.Errorf("%s: %q, want %q", test.header, got, test.want)
		}
	}
}

// TestLargestHint has all hints in one answer.
func TestLargestHint(t *testing.T) {
	hints := []string{
		"Retry-After: %", "Cache-Control: max-age=%", "X-Poll-Interval: %",
		"RateLimit: \"a\";r=1;t=%", "X-RateLimit-Remaining: 1\nX-RateLimit-Reset: %",
	}
	for largest := range hints {
		var text strings.Builder
		for i, hint := range hints {
			value := 10
			if i == largest {
				value = 20
			}
			text.WriteString(strings.ReplaceAll(hint, "%", strconv.Itoa(value)) + "\n")
		}
		if got := waited(503, headerOf(text.String()), allHints, now); got != 20*time.Second {
			t.Errorf("%s%v, want 20s", text.String(), got)
		}
	}
}

// TestNumber compares with arithmetic of unlimited size.
func TestNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,40}`).Draw(t, "digits")
		want, _ := new(big.Int).SetString(text, 10)
		if most := big.NewInt(1<<63 - 1); want.Cmp(most) > 0 {
			want = most
		}
		if got, ok := number(text); !ok || got != want.Int64() {
			t.Errorf("%v, %v, want %v", got, ok, want)
		}
	})
}

// FuzzWait looks for headers that make an invalid wait.
func FuzzWait(f *testing.F) {
	f.Add(503, "Retry-After: 9223372037\nDate: Fri, 02 Jan 2026 15:04:05 GMT")
	f.Add(200, "Cache-Control: private=\"a, b\\\"\", max-age=60\nAge: 5\nX-Poll-Interval: 60")
	f.Add(200, "RateLimit: \"default\";r=50;t=30, \"daily\";r=0;t=9999999999")
	f.Add(304, "RateLimit: limit=100, remaining=50, reset=5")
	f.Add(403, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767369845\nRateLimit-Remaining: 0\nRateLimit-Reset: 9")
	f.Fuzz(func(t *testing.T, status int, text string) {
		header := headerOf(text)
		some, all := waited(status, header, defaultHints, now), waited(status, header, allHints, now)
		if some < 0 || all < some || all > poller.DefaultMaxWait {
			t.Errorf("%v, and %v if everything is respected", some, all)
		}
	})
}
