package httpjson

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hint is a kind of header by which an upstream says how often it wants to be asked.
type Hint string

// Hints that can be respected. Each is a lower bound of the time to the next
// fetch. Retry-After and X-RateLimit-Retry-After are always respected.
const (
	// HintMaxAge is Cache-Control: max-age less Age (RFC 9111 section 4.2).
	// Servers set it for browsers, and seldom for pollers.
	HintMaxAge Hint = "max-age"

	// HintPollInterval is X-Poll-Interval: seconds, as GitHub sends it.
	HintPollInterval Hint = "x-poll-interval"

	// HintRateLimit is RateLimit, or RateLimit-Remaining and RateLimit-Reset
	// (draft-ietf-httpapi-ratelimit-headers, the versions since 2019). The
	// remaining requests are spread over the time until the reset: 60 for an hour
	// are one each minute.
	HintRateLimit Hint = "ratelimit"

	// HintXRateLimit is X-RateLimit-Remaining and X-RateLimit-Reset, or
	// X-Rate-Limit-Remaining and X-Rate-Limit-Reset, likewise.
	HintXRateLimit Hint = "x-ratelimit-reset"
)

var (
	allHints     = []Hint{HintMaxAge, HintPollInterval, HintRateLimit, HintXRateLimit}
	defaultHints = []Hint{HintPollInterval, HintRateLimit, HintXRateLimit}
)

// Hints returns every hint that Options.Respect may list.
func Hints() []Hint { return slices.Clone(allHints) }

// DefaultHints returns the hints that are respected if Options.Respect is nil.
func DefaultHints() []Hint { return slices.Clone(defaultHints) }

// wish is a header by which an upstream says how long it wants not to be asked.
type wish struct {
	name   string
	hint   Hint // that respects it; "" if it is always respected
	failed bool // it counts with a status from 400 on alone
	read   func(header http.Header, now time.Time) time.Duration
}

// wishes are all headers that are read. RateLimit-Policy and the limits themselves
// (RateLimit-Limit, X-RateLimit-Limit) are not: they say what is allowed, and nothing of
// what is left.
var wishes = []wish{
	{"Retry-After", "", true, moment("Retry-After")},
	{"X-RateLimit-Retry-After", "", true, moment("X-RateLimit-Retry-After")},
	{"Cache-Control", HintMaxAge, false, maxAge},
	{"X-Poll-Interval", HintPollInterval, false, pollInterval},
	{"RateLimit", HintRateLimit, false, rateLimit},
	{"RateLimit-Reset", HintRateLimit, false, rateLimitPair("RateLimit-")},
	{"X-RateLimit-Reset", HintXRateLimit, false, rateLimitPair("X-RateLimit-")},
	{"X-Rate-Limit-Reset", HintXRateLimit, false, rateLimitPair("X-Rate-Limit-")},
}

// waitOf returns how long an upstream that answered now wants not to be asked, which is
// the longest of its wishes and 0 or more, and the header that says so, with its value. A
// header that cannot be parsed is ignored.
func waitOf(status int, header http.Header, respect []Hint, now time.Time) (wait time.Duration, said string) {
	// The upstream's dates are compared with the upstream's clock.
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	for _, w := range wishes {
		if w.failed && status < 400 || w.hint != "" && !slices.Contains(respect, w.hint) {
			continue
		}
		if longer := w.read(header, now); longer > wait {
			wait, said = longer, w.name+": "+printable(strings.Join(header.Values(w.name), ", "))
		}
	}
	return wait, said
}

// printable returns a value of a header for the log: ASCII, and not too long.
func printable(value string) string {
	const most = 80
	value = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, value)
	if len(value) > most {
		value = value[:most] + "…"
	}
	return value
}

// moment reads a header that says when or how long.
func moment(name string) func(http.Header, time.Time) time.Duration {
	return func(header http.Header, now time.Time) time.Duration {
		wait := until(header.Get(name), now)
		return wait
	}
}

func pollInterval(header http.Header, _ time.Time) time.Duration {
	return seconds(header.Get("X-Poll-Interval"))
}

// units are those in which upstreams write a wait, though no standard has them.
var units = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
}

// until returns how long it is to what a value says, 0 if that is past. It reads
//
//	120, 3.5                          seconds from now (RFC 9110 section 10.2.3)
//	4s, 4000ms, 4 seconds             a wait with a unit
//	1800000004, 1800000004.25         seconds since 1970, and the same in milliseconds,
//	1800000004000                     microseconds and nanoseconds
//	2027-01-15T08:00:04Z              RFC 3339
//	Fri, 15 Jan 2027 08:00:04 GMT     a date in any of the three forms of section 5.6.7
//
// and nothing else.
func until(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	digits, unit := value, ""
	if i := strings.IndexFunc(value, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i >= 0 {
		digits, unit = value[:i], strings.ToLower(strings.TrimSpace(value[i:]))
	}
	if n, ok := decimal(digits); ok {
		each, known := units[unit]
		switch {
		case unit == "":
			return untilNumber(n, now)
		case known:
			return time.Duration(min(n*each.Seconds(), mostSeconds) * float64(time.Second))
		}
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		at, err = http.ParseTime(value)
	}
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now)) // Sub saturates
}

// untilNumber reads a number without a unit, whose size says what it is.
func untilNumber(n float64, now time.Time) time.Duration {
	switch {
	case n < firstEpoch:
		return time.Duration(n * float64(time.Second))
	case n >= 1_000_000*firstMilli:
		n /= 1e9
	case n >= 1_000*firstMilli:
		n /= 1e6
	case n >= firstMilli:
		n /= 1e3
	}
	whole, fraction := math.Modf(min(n, lastEpoch))
	return max(0, time.Unix(int64(whole), int64(fraction*1e9)).Sub(now)) // Sub saturates
}

// decimal parses digits with at most one point among them, and nothing else. It
// saturates.
func decimal(text string) (float64, bool) {
	if strings.Trim(text, "0123456789.") != "" || strings.HasPrefix(text, ".") || strings.HasSuffix(text, ".") {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64) // infinity with an error of the range
	return min(n, math.MaxFloat64), err == nil || math.IsInf(n, 1)
}

// maxAge returns how long an answer stays fresh (RFC 9111 section 4.2.1). It is 0 for
// an answer that must not be stored, or not be used without asking.
func maxAge(header http.Header, _ time.Time) time.Duration {
	var lifetime time.Duration
	found := false
	for directive := range members(header.Values("Cache-Control"), ',') {
		name, value, _ := strings.Cut(directive, "=")
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, "no-cache"), strings.EqualFold(name, "no-store"):
			return 0
		case strings.EqualFold(name, "max-age") && !found: // the first one counts
			found = true
			lifetime = seconds(unquote(value)) // quoted as well: section 5.2
		}
	}
	return max(0, lifetime-seconds(header.Get("Age")))
}

// mostSeconds is the longest time in a header: 68 years, as in RFC 9111 section
// 1.2.2. Sums and products of a few of them fit a Duration.
const mostSeconds = 1 << 31

// seconds parses digits and nothing else, and saturates. Anything else is 0.
func seconds(text string) time.Duration {
	n, _ := number(text)
	return time.Duration(min(n, mostSeconds)) * time.Second
}

// number parses digits and nothing else, and saturates.
func number(text string) (int64, bool) {
	text = strings.TrimSpace(text)
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64) // 2^63-1 with an error of the range
	return n, text != "" && (err == nil || n > 0)
}
