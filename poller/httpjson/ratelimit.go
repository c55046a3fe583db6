package httpjson

import (
	"iter"
	"net/http"
	"strings"
	"time"
)

// firstEpoch separates the two meanings of a reset: below, it is seconds from now; from
// there on, it is seconds since 1970. It is a day in 2001, or 31 years.
const firstEpoch = 1_000_000_000

// lastEpoch is a time in the far future at which package time does not overflow yet.
const lastEpoch = 1 << 40

// firstMilli is the first reset that counts as milliseconds since 1970: as seconds it
// would be in the year 5138. A thousand times as much counts as microseconds, and a
// thousand times that as nanoseconds.
const firstMilli = 100_000_000_000

// rateLimitPair reads two headers, such as X-RateLimit-Remaining and
// X-RateLimit-Reset.
func rateLimitPair(prefix string) func(http.Header, time.Time) time.Duration {
	return func(header http.Header, now time.Time) time.Duration {
		remaining, ok := decimal(strings.TrimSpace(header.Get(prefix + "Remaining")))
		if !ok {
			return 0
		}
		left := until(header.Get(prefix+"Reset"), now)
		return spread(int64(min(remaining, 1<<53)), left)
	}
}

// rateLimit reads the header RateLimit, which is a list of policies,
//
//	"default";r=50;t=30, "daily";r=999;t=36000
//
// of which the strictest counts, or, in older versions of the draft, one dictionary:
//
//	limit=100, remaining=50, reset=5
func rateLimit(header http.Header, _ time.Time) time.Duration {
	var wait time.Duration
	old := map[string]string{}
	for member := range members(header.Values("RateLimit"), ',') {
		isItem := true
		policy := map[string]string{}
		for parameter := range members([]string{member}, ';') {
			name, value, isPair := strings.Cut(parameter, "=")
			switch {
			case isItem && isPair && !strings.HasPrefix(name, `"`): // a member of a dictionary
				old[name] = value
			case !isItem && isPair:
				policy[name] = value
			}
			isItem = false
		}
		wait = max(wait, spreadTexts(policy["r"], policy["t"]))
	}
	return max(wait, spreadTexts(old["remaining"], old["reset"]))
}

func spreadTexts(remaining, reset string) time.Duration {
	n, ok := number(remaining)
	if !ok {
		return 0
	}
	left := seconds(reset)
	return spread(n, left)
}

// spread returns the time between requests for which the remaining ones last.
func spread(remaining int64, left time.Duration) time.Duration {
	return left / time.Duration(max(1, remaining))
}

// members returns the parts of the lines between separators outside of quotes (RFC
// 9110 section 5.6.1), without the white space around them. After a quote that is
// never closed, the rest of the line is part of the last one.
func members(lines []string, separator byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			begin, quoted := 0, false
			for i := 0; i < len(line); i++ {
				switch c := line[i]; {
				case c == '"':
					quoted = !quoted
				case quoted && c == '\\':
					i++
				case !quoted && c == separator:
					if !yield(strings.TrimSpace(line[begin:i])) {
						return
					}
					begin = i + 1
				}
			}
			if !yield(strings.TrimSpace(line[begin:])) {
				return
			}
		}
	}
}

// unquote removes the quotes around a number, which needs no escapes.
func unquote(text string) string {
	text = strings.TrimSpace(text)
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		return text[1 : len(text)-1]
	}
	return text
}
