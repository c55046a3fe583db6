package httpjson

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polluxhub/pollux/poller"
)

// Hint is a kind of header by which an upstream says how often it wants to be asked.
type Hint string

// Hints that can be respected. Each is a lower bound of the time to the next
// fetch. Retry-After is always respected.
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

	// HintXRateLimit is X-RateLimit-Remaining and X-RateLimit-Reset, likewise.
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

// waitOf returns how long an upstream that answered now wants not to be asked: the
// largest of its hints, from 0 to poller.MaxWait. A hint that cannot be parsed is
// ignored.
func waitOf(status int, header http.Header, respect []Hint, now time.Time) time.Duration {
	// The upstream's dates are compared with the upstream's clock.
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	var wait time.Duration
	if status >= 400 {
		wait = retryAfter(header.Get("Retry-After"), now)
	}
	if slices.Contains(respect, HintMaxAge) {
		wait = max(wait, maxAge(header))
	}
	if slices.Contains(respect, HintPollInterval) {
		interval, _ := seconds(header.Get("X-Poll-Interval"))
		wait = max(wait, interval)
	}
	if slices.Contains(respect, HintRateLimit) {
		wait = max(wait, rateLimit(header), rateLimitPair(header, "RateLimit-", now))
	}
	if slices.Contains(respect, HintXRateLimit) {
		wait = max(wait, rateLimitPair(header, "X-RateLimit-", now))
	}
	return min(wait, poller.MaxWait)
}

// retryAfter reads RFC 9110 section 10.2.3: seconds, or a date in any of the
// three forms of section 5.6.7.
func retryAfter(value string, now time.Time) time.Duration {
	if delay, ok := seconds(value); ok {
		return delay
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, date.Sub(now)) // Sub saturates
}

// maxAge returns how long an answer stays fresh (RFC 9111 section 4.2.1). It is 0 for
// an answer that must not be stored, or not be used without asking.
func maxAge(header http.Header) time.Duration {
	var lifetime time.Duration
	found := false
	for directive := range members(header.Values("Cache-Control"), ',') {
		name, value, _ := strings.Cut(directive, "=")
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, "no-cache"), strings.EqualFold(name, "no-store"):
			return 0
		case strings.EqualFold(name, "max-age") && !found: // the first one counts
			found = true
			lifetime, _ = seconds(unquote(value)) // quoted as well: section 5.2
		}
	}
	age, _ := seconds(header.Get("Age"))
	return max(0, lifetime-age)
}

// mostSeconds is the longest time in a header: 68 years, as in RFC 9111 section
// 1.2.2. Sums and products of a few of them fit a Duration.
const mostSeconds = 1 << 31

// seconds parses digits and nothing else, and saturates.
func seconds(text string) (time.Duration, bool) {
	n, ok := number(text)
	return time.Duration(min(n, mostSeconds)) * time.Second, ok
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
