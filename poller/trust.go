package poller

import (
	"strings"
	"time"
)

const (
	// DefaultRevalidate is how long "unchanged" is believed before a fetch asks for
	// the document unconditionally.
	DefaultRevalidate = time.Hour

	// conditionalPolls is the least number of fetches between two unconditional ones:
	// one unconditional fetch in a hundred costs an upstream little.
	conditionalPolls = 99
)

// hiddenMessage is the line of the log about a hidden change.
const hiddenMessage = "the upstream answered that nothing had changed, but its document had: each poll fetches the whole document from now on, as with conditional: false"

// trust decides whether an upstream that answers "unchanged" is believed. An upstream
// whose validators do not change with its document answers so for ever: for example one
// that derives them from a build, or from a file that includes others. Nothing in its
// answers shows that, so now and then a fetch is unconditional.
type trust struct {
	never bool          // the upstream is not believed
	every time.Duration // the least time between two unconditional fetches

	asked   time.Time // when the newest of these began; zero if none
	since   int       // fetches begun since then
	vouched bool      // the upstream has answered "unchanged" for the newest document
	suspect bool      // the newest change was found by an unconditional fetch
}

// version returns the version to send with a fetch that begins now. since is the
// version of the newest document.
func (t *trust) version(now time.Time, since Version) Version {
	due := t.every
	if t.suspect {
		// A document may change as regularly as it is asked for. Then the next
		// unconditional fetch falls between two of its changes.
		due += t.every / 2
	}
	if t.never || since == (Version{}) || t.since >= conditionalPolls && now.Sub(t.asked) >= due {
		t.asked, t.since = now, 0
		return Version{}
	}
	t.since++
	return since
}

// hear notes a successful answer: the version that was sent, the version of the
// document that clients had, and whether the answer has news for them. It returns true
// if the upstream hid that news by answering "unchanged" before. Then the upstream is
// no longer believed.
//
// The news was hidden if the answer has the validators of the old document, because a
// conditional request would have been answered "unchanged" again. If it has others, the
// change may have come just now. That happens once by chance; it does not happen each
// time, and never in answer to a conditional request.
func (t *trust) hear(asked, since Version, answer Reading, news bool) (hidden bool) {
	conditional := asked != (Version{})
	switch {
	case answer.Unchanged:
		t.vouched = true
		return false
	case conditional:
		t.suspect = t.suspect && !news
	case news && t.vouched && since != (Version{}):
		hidden = covers(since, answer.Version) || t.suspect
		t.suspect = true
	}
	t.vouched = false
	t.never = t.never || hidden
	return hidden
}

// covers reports whether an upstream whose document has the version answer responds
// "unchanged" to a request with the version asked (RFC 9110 section 13.2.2).
func covers(asked, answer Version) bool {
	if asked.ETag != "" {
		return opaque(asked.ETag) == opaque(answer.ETag)
	}
	if answer.LastModified == "" {
		return false
	}
	before, err := time.Parse(dateForm, asked.LastModified)
	after, err2 := time.Parse(dateForm, answer.LastModified)
	if err != nil || err2 != nil {
		return asked.LastModified == answer.LastModified
	}
	return !after.After(before)
}

// dateForm is the preferred form of dates (RFC 9110 section 5.6.7).
const dateForm = "Mon, 02 Jan 2006 15:04:05 GMT"

// opaque returns an entity tag for a weak comparison (RFC 9110 section 8.8.3.2).
func opaque(tag string) string { return strings.TrimPrefix(tag, "W/") }
